# SPDX-License-Identifier: GPL-2.0-only
"""What the figures are meant to be, and how far they are from it."""

from report import paper, table

HEAD = ["target", "at most", "is", ""]
RIGHT = (1, 2)

TARGETS = paper.load("targets.json")


def _figure(run, name):
    return run.find(*name.rsplit("/", 1))


def value(run, target):
    """What a target is about, in this run; None if it has not got it."""
    figure = _figure(run, target.get("figure") or target["exits"])
    if not figure:
        return None
    if "exits" in target:
        return figure.exit_spread.median if figure.exits else None
    if "of" not in target:
        return figure.spread.median
    base = _figure(run, target["of"])
    return figure.spread.median / base.spread.median if base else None


def verdict(found, most):
    """Met, or by how much not."""
    # a few exits are the host's own
    if found <= most * 1.002:
        return "met"
    return f"missed by {100 * (found / most - 1):.0f} %"


def cells(run):
    """A line for each target that this run has a figure for."""
    found = [(target, value(run, target)) for target in TARGETS]
    return [[target["what"], table.number(target["most"]), table.number(is_),
             verdict(is_, target["most"])]
            for target, is_ in found if is_ is not None]


def text(run):
    """The same for a terminal; empty without any."""
    lines = cells(run)
    return table.layout(HEAD, lines, RIGHT) if lines else ""
