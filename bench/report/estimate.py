# SPDX-License-Identifier: GPL-2.0-only
"""What counted instructions and exits might take on real CPUs.

An emulator knows no cycles. This multiplies what it counted with published
costs; it is an estimate, and the report never calls it anything else.
"""

from report.paper import baseline, is_dune, load
from report.table import layout, number

MODEL = load("model.json")
CPI = MODEL["cycles_per_instruction"]["value"]


def cpus(run):
    """The CPUs of the run's vendor that the model knows."""
    return [cpu for cpu in MODEL["cpus"]
            if cpu["vendor"] == run.machine.get("vendor")]


def _walks(figure, cpu):
    """Cycles of walks of the page tables, which no instruction shows; None if
    nobody has published them."""
    walks = MODEL["walks"].get(figure.row, 0)
    if not walks:
        return walks
    if "walk" not in cpu:
        return None
    return walks * cpu["walk"]["Dune" if is_dune(figure) else "Linux"]


def _is_linux(figure):
    """Is it without exits? Other machines have some that nobody counted."""
    return figure.how == baseline(figure.row) != "KVM"


def cycles(run, figure, cpu):
    """The estimate, or None where the model has nothing to say."""
    if not run.emulator or not figure.usable or figure.unit != "ticks":
        return None
    if not figure.exits and not _is_linux(figure):
        return None
    walks = _walks(figure, cpu)
    if walks is None:
        return None
    exits = figure.exit_spread.median if figure.exits else 0.0
    return figure.spread.median * CPI + exits * cpu["exit"] + walks


def cells(run):
    """A line a figure, a column a CPU."""
    lines = []
    for figure in run.by_row():
        found = [cycles(run, figure, cpu) for cpu in cpus(run)]
        if any(value is not None for value in found):
            lines.append([figure.row, figure.how,
                          *[number(value) for value in found]])
    return lines


def head(run):
    """The names of the columns."""
    return ["row", "how", *[cpu["name"] for cpu in cpus(run)]]


def formula():
    """How it is reckoned, in one line."""
    return (f"instructions x {CPI:g} + exits x the published cost of an exit "
            "and entry + walks x that of a page walk")


def sources(run):
    """Where each number is from."""
    model = MODEL["cycles_per_instruction"]
    found = [f"{model['value']:g} cycles an instruction: {model['source']}"]
    for cpu in cpus(run):
        found.append(f"{cpu['name']}, {number(cpu['exit'])} cycles an exit: "
                     f"{cpu['exit_source']}")
        if "walk" in cpu:
            walk = cpu["walk"]
            found.append(f"{cpu['name']}, {walk['Linux']} cycles a walk, "
                         f"{walk['Dune']} a nested one: {cpu['walk_source']}")
    references = MODEL["walk_references"]
    found.append(f"a walk has {references['Linux']} references to memory, a "
                 f"nested one {references['Dune']}: {references['source']}")
    return found


def text(run):
    """The estimate for a terminal; empty where there is none."""
    lines = cells(run)
    if not lines:
        return ""
    right = range(2, 2 + len(cpus(run)))
    return "\n".join([f"An ESTIMATE of cycles, not measured: {formula()}", "",
                      layout(head(run), lines, right), "",
                      *sources(run)])
