# SPDX-License-Identifier: GPL-2.0-only
"""The report as a page of docs/."""

import os
import textwrap

from report import estimate, paper, table, targets

ABOUT = """\
A figure is the median of {samples} samples, after warm-up; the spread is the
distance of the quartiles as a part of it. A ratio is to Linux's figure in the
same run, or to that of what else does it; that one has 1. A figure whose samples
disagree is not printed.

The paper's cycles are those of {source}, on {machine}."""


def _rows(head, lines, right):
    """A table of Markdown."""
    rule = ["---:" if column in right else "---"
            for column in range(len(head))]
    full = [line + [""] * (len(head) - len(line)) for line in lines]
    return "\n".join("| " + " | ".join(line) + " |"
                     for line in [head, rule, *full])


def _parameters(run):
    given = run.machine.get("parameters") or {}
    return ", ".join(f"{name}={value}" for name, value in sorted(given.items()))


def _run(run):
    """The section of one run."""
    parts = [f"## {table.title(run)}",
             textwrap.fill(table.note(run), 80)]
    if _parameters(run):
        parts.append(f"Parameters of the module: {_parameters(run)}.")
    parts.append(_rows(table.HEAD, table.cells(run), table.RIGHT))
    lines = targets.cells(run)
    if lines:
        parts += ["### Targets", _rows(targets.HEAD, lines, targets.RIGHT)]
    lines = estimate.cells(run)
    if lines:
        head = estimate.head(run)
        parts += ["### Cycles, estimated",
                  f"**Not measured**: {estimate.formula()}.",
                  _rows(head, lines, range(2, len(head))),
                  "\n".join(f"* {source}" for source in estimate.sources(run))]
    return parts


def page(runs, facts):
    """The whole page; `facts` is what save.facts() returns, and where
    the plot is."""
    about = ABOUT.format(samples=facts["samples"], **paper.PAPER)
    parts = ["# Performance",
             f"Made on {facts['date']}, commit {facts['commit']}, by",
             f"    {facts['command']}",
             *[textwrap.fill(text, 80) for text in about.split("\n\n")]]
    if "plot" in facts:
        parts.append(f"![Linux's figures over Dune's]({facts['plot']})")
    for run in runs:
        parts += _run(run)
    with open(os.path.join(paper.DATA, "profile.md")) as file:
        parts.append(file.read().strip())
    problems = [f"* {run.vendor}: {line}" for run in runs
                for line in run.problems()]
    if problems:
        parts += ["## What is wrong with these figures", "\n".join(problems)]
    return "\n\n".join(parts) + "\n"
