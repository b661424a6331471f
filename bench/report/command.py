# SPDX-License-Identifier: GPL-2.0-only
"""What dune-bench and tools/bench have in common: options and reports."""

import argparse
import os
import subprocess
import sys

from report import estimate, markdown, plot, save, table, targets

# Fewer do not tell whether they agree; dune-measure takes no more.
LEAST_SAMPLES = 3
MOST_SAMPLES = 1000
SAMPLES = 15


def _samples(text):
    value = int(text)
    if not LEAST_SAMPLES <= value <= MOST_SAMPLES:
        raise argparse.ArgumentTypeError(f"{LEAST_SAMPLES} to {MOST_SAMPLES}")
    return value


def parser(name, description):
    """The options that both have."""
    made = argparse.ArgumentParser(
        prog=name, description=description,
        epilog="Status: 0; 1 if a figure failed, its samples disagree or it "
               "differs from --against's; 2 for a wrong call.")
    add = made.add_argument
    add("rows", nargs="*", metavar="ROW",
        help='rows, or one figure of a row: "getpid", "getpid/Dune"; all if '
             "none is named")
    add("-n", "--samples", type=_samples, default=SAMPLES, metavar="N",
        help=f"samples of each figure (default {SAMPLES})")
    add("--json", metavar="FILE", help="write all samples and what they are of")
    add("--markdown", metavar="FILE", help="write the report as a page")
    add("--plot", metavar="FILE.svg",
        help="draw Linux's figures over Dune's; needs gnuplot")
    add("--against", metavar="FILE.json",
        help="fail if a figure differs by more than 1 %% from that of an "
             "earlier --json")
    return made


def measure(argv, run, progress=True):
    """Start dune-measure and take in what it prints; returns its status."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            figure = run.add(line)
            if figure and progress:
                print(f"bench: {run.vendor}: {figure.name}", file=sys.stderr)
    if not run.figures and not run.broken:
        run.broken = "there is no figure"
    return process.returncode


def arguments(options):
    """Of dune-measure."""
    return ["-n", str(options.samples), *options.rows]


def _against(path, runs):
    """Compare with an earlier run; is it the same?"""
    try:
        changed, compared = save.compare(path, runs)
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot compare with {path}: {error}", file=sys.stderr)
        return False
    for line in changed:
        print(f"differs from {path}: {line}")
    print(f"{compared - len(changed)} of {compared} figures are within "
          f"{100 * save.MOST_CHANGE:g} % of {path}")
    return compared > 0 and not changed


def _plot(options, runs, about):
    """Draw, and tell the page where that is."""
    plot.write(options.plot, runs)
    if options.markdown:
        folder = os.path.dirname(options.markdown) or "."
        about["plot"] = os.path.relpath(options.plot, folder)


def _page(options, runs, about):
    """Write the page, with the plot if there is one by now."""
    with open(options.markdown, "w") as file:
        file.write(markdown.page(runs, about))


def _files(options, runs):
    """Write what was asked for; did that work?"""
    about = save.facts(options.samples)
    good = True
    for wanted, write in (
            (options.json, lambda: save.write(options.json, runs, about)),
            (options.plot, lambda: _plot(options, runs, about)),
            (options.markdown, lambda: _page(options, runs, about))):
        try:
            if wanted:
                write()
        except (OSError, plot.NoPlot) as error:
            print(f"bench: {error}", file=sys.stderr)
            good = False
    return good


def report(options, runs):
    """Tell everything; returns the exit status."""
    for run in runs:
        print(table.text(run), end="\n\n")
        for more in (targets.text(run), estimate.text(run)):
            if more:
                print(more, end="\n\n")
    problems = [f"{run.vendor}: {line}" for run in runs
                for line in run.problems()]
    for line in problems:
        print(line)
    same = _against(options.against, runs) if options.against else True
    written = _files(options, runs)
    return 0 if same and written and not problems else 1
