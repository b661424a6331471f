# SPDX-License-Identifier: GPL-2.0-only
"""The figures as a JSON file, and two such files compared."""

import datetime
import json
import os
import shlex
import subprocess
import sys

# Two runs of the same code in an emulator differ by less.
MOST_CHANGE = 0.01


def _commit():
    """What the tree is at, if this is one and there is git."""
    folder = os.path.dirname(os.path.realpath(__file__))
    try:
        said = subprocess.run(
            ["git", "-C", folder, "describe", "--always", "--dirty",
             "--exclude=*"], text=True, check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.strip()


def facts(samples):
    """What is told of the report as a whole."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"date": now.strftime("%Y-%m-%d"), "commit": _commit(),
            "command": shlex.join(sys.argv), "samples": samples}


def _spread(spread):
    return {"median": spread.median, "quartiles": spread.quartiles,
            "least": spread.least, "most": spread.most}


def _figure(run, figure):
    """A figure: its samples, and what was made of them."""
    saved = {"row": figure.row, "how": figure.how, "per": figure.per}
    if figure.skipped:
        return {**saved, "skipped": figure.skipped}
    if figure.wrong():
        saved["wrong"] = figure.wrong()
    if not figure.samples:
        return saved
    saved.update(unit=run.unit(figure), operations=figure.operations,
                 samples=figure.samples, **_spread(figure.spread))
    if figure.exits:
        saved.update(exits=figure.exits,
                     exits_in_all=_spread(figure.exit_spread))
    return saved


def as_dict(runs, about):
    """Everything, for json.dump()."""
    return {**about, "runs": [
        {"vendor": run.vendor, "emulator": run.emulator or None,
         "machine": run.machine, "problems": run.problems(),
         "figures": [_figure(run, figure) for figure in run.figures]}
        for run in runs]}


def write(path, runs, about):
    """Write the file."""
    with open(path, "w") as file:
        json.dump(as_dict(runs, about), file, indent=1)
        file.write("\n")


def _medians(runs):
    """Of runs as they are in a file, by vendor, row and way."""
    return {(run["vendor"], figure["row"], figure["how"]): figure["median"]
            for run in runs for figure in run["figures"]
            if "median" in figure and "wrong" not in figure}


def compare(path, runs):
    """What differs from an earlier file: (a line for each, number compared)."""
    with open(path) as file:
        before = _medians(json.load(file)["runs"])
    after = _medians(as_dict(runs, {})["runs"])
    both = [key for key in after if key in before]
    found = [f"{'/'.join(key)}: {before[key]:g}, now {after[key]:g}"
             for key in both
             if abs(after[key] - before[key]) > MOST_CHANGE * abs(before[key])]
    return found, len(both)
