# SPDX-License-Identifier: GPL-2.0-only
"""Counts of the hot paths against those that were recorded, as TAP."""

import json
import os

FILE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..",
                    "recorded.json")
MOST_GROWTH = 0.05

# So much is no growth: a few exits in a thousand operations are interrupts'.
FLOOR = {"instructions": 0, "exits": 0.003}


def load():
    """What is guarded, and what was recorded by vendor."""
    with open(FILE) as file:
        return json.load(file)


def counts(figure):
    """What is recorded of a figure."""
    return {"instructions": round(figure.spread.median, 1),
            "exits": round(figure.exit_spread.median, 3)
            if figure.exits else 0}


def grown(then, now):
    """Which of the counts have grown too much."""
    return [name for name, value in now.items()
            if value > then[name] * (1 + MOST_GROWTH) + FLOOR[name]]


def judge(run, name, then):
    """One figure: (is it good, what to say of it)."""
    found = [figure for figure in run.figures if figure.name == name]
    if not found:
        return False, "was not measured"
    if not found[0].usable:
        return False, found[0].wrong() or f"skipped: {found[0].skipped}"
    if not then:
        return False, "was never recorded: tools/bench --record"
    now = counts(found[0])
    told = ", ".join(f"{now[name]:g} {name} ({then[name]:g} recorded)"
                     for name in now)
    return not grown(then, now), told


def tap(run, recorded):
    """The results as TAP; returns (its lines, is all good)."""
    known = recorded["counts"].get(run.vendor, {})
    lines = ["TAP version 13", f"1..{len(recorded['guarded'])}"]
    good = True
    kernel = known.get("kernel")
    if kernel != run.machine.get("kernel"):
        lines.append(f"# recorded on Linux {kernel}, "
                     f"this is {run.machine.get('kernel')}")
    for number, name in enumerate(recorded["guarded"], 1):
        ok, told = judge(run, name, known.get("figures", {}).get(name))
        good = good and ok
        # a number sign would make a directive of what follows
        lines.append(f"{'ok' if ok else 'not ok'} {number} "
                     f"{run.vendor}: {name}: {told}".replace("#", ""))
    if run.broken:
        good = False
        lines.append(f"# {run.broken}")
    return lines, good


def record(run, recorded):
    """Take a run's counts over; returns why that cannot be, or nothing."""
    figures = {}
    for name in recorded["guarded"]:
        found = [figure for figure in run.figures if figure.name == name]
        if not found or not found[0].usable:
            return f"{run.vendor}: {name}: there is no figure to record"
        figures[name] = counts(found[0])
    recorded["counts"][run.vendor] = {"kernel": run.machine.get("kernel"),
                                      "figures": figures}
    with open(FILE, "w") as file:
        json.dump(recorded, file, indent=2)
        file.write("\n")
    return ""
