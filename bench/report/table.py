# SPDX-License-Identifier: GPL-2.0-only
"""The table of one run: as cells, and laid out for a terminal."""

from report import paper

HEAD = ["row", "how", "figure", "unit", "spread", "ratio", "exits",
        "paper, cycles", "ratio"]
RIGHT = (2, 4, 5, 6, 7, 8)     # numbers


def number(value):
    """A number with as many digits as it is good for."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _exits(figure):
    if not figure.exits:
        return ""
    return number(round(figure.exit_spread.median, 3))


def _paper(figure):
    cycles = paper.cycles(figure)
    if cycles is None:
        return ["", ""]
    note = paper.note(figure.row)
    return [f"{number(cycles)} ({note})" if note else number(cycles),
            number(paper.ratio(figure.row, figure.how))]


def _values(run, figure):
    ratio = paper.to_baseline(run, figure)
    return [number(figure.spread.median), f"{run.unit(figure)} / {figure.per}",
            f"{100 * figure.spread.relative:.1f} %",
            number(ratio), _exits(figure),
            *_paper(figure)]


def cells(run):
    """The lines of the table; one is short where a reason stands for all."""
    lines = []
    before = None
    for figure in run.by_row():
        row = figure.row if figure.row != before else ""
        before = figure.row
        if figure.usable:
            values = _values(run, figure)
        else:
            values = [figure.wrong() or f"skipped: {figure.skipped}"]
        lines.append([row, figure.how, *values])
    return lines


def _widths(head, lines):
    """How wide each column is; a reason is not in one."""
    widths = [len(text) for text in head]
    for line in lines:
        fits = line if len(line) == len(head) else line[:-1]
        for column, text in enumerate(fits):
            widths[column] = max(widths[column], len(text))
    return widths


def layout(head, lines, right):
    """Columns of equal width; those in `right` hold numbers."""
    widths = _widths(head, lines)

    def one(line):
        whole = len(line) == len(head)
        return "  ".join(text.rjust(width) if whole and column in right
                         else text.ljust(width) for column, (text, width)
                         in enumerate(zip(line, widths))).rstrip()

    return "\n".join(one(line) for line in [head, *lines])


def title(run):
    """What the figures were taken on, in a line."""
    machine = run.machine
    name = machine.get("model") or "a CPU without a name"
    where = f"emulated by {run.emulator}" if run.emulator else "hardware"
    if machine.get("hypervisor") and not run.emulator:
        where = f"a virtual machine of {machine['hypervisor']}"
    return f"{run.vendor}: {name}, {where}, Linux {machine.get('kernel', '?')}"


def note(run):
    """What the figures are."""
    what = ("Instructions executed, of which each repetition of a string "
            "instruction is one; they say nothing of time." if run.emulator
            else "Cycles of the time-stamp counter.")
    return (f"{what} Medians; a ratio is to Linux's figure, or to that of what "
            "else does it, which has 1; exits are VM exits per operation.")


def text(run):
    """The whole report of a run for a terminal."""
    return "\n".join([title(run), note(run), "",
                      layout(HEAD, cells(run), RIGHT)])
