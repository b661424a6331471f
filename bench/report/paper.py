# SPDX-License-Identifier: GPL-2.0-only
"""Which figure stands beside which: Linux's beside Dune's, and the paper's."""

import json
import os

DATA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..")


def load(name):
    """One of the files of published figures."""
    with open(os.path.join(DATA, name)) as file:
        return json.load(file)


PAPER = load("paper.json")


def is_dune(figure):
    """Is it for a process in Dune?"""
    return figure.how.split(",")[0] == "Dune"


def baseline(row):
    """By what this is done where there is no Dune."""
    return PAPER["baselines"].get(row, "Linux")


def cycles(figure):
    """What the paper has for a figure, or None."""
    return PAPER["rows"].get(figure.row, {}).get(figure.how)


def note(row):
    """What has to be known of the paper's figures for a row."""
    return PAPER["rows"].get(row, {}).get("note", "")


def ratio(row, how="Dune"):
    """The paper's cycles as a multiple of the baseline's, or None."""
    there = PAPER["rows"].get(row)
    return there[how] / there[baseline(row)] if there else None


def to_baseline(run, figure):
    """A figure as a multiple of the baseline's in the same run, or None."""
    base = run.find(figure.row, baseline(figure.row))
    if not base or not figure.usable or not base.spread.median:
        return None
    if (base.unit, base.per) != (figure.unit, figure.per):
        return None
    return figure.spread.median / base.spread.median
