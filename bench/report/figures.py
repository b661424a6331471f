# SPDX-License-Identifier: GPL-2.0-only
"""dune-measure's output: a JSON object a line, the machine's first."""

import dataclasses
import json

from report.spread import spread

# Fewer exits than this are the host's interrupts, which nobody asked for.
FEW_EXITS = 0.01

TIME = ("ns", "us", "ms", "s")


@dataclasses.dataclass
class Figure:
    """One operation done in one way, or why there is no figure for it."""
    row: str
    how: str
    per: str
    unit: str = ""
    operations: int = 0
    samples: list = dataclasses.field(default_factory=list)
    exits: dict = dataclasses.field(default_factory=dict)
    skipped: str = ""
    failed: str = ""

    @property
    def name(self):
        """What dune-measure calls it."""
        return f"{self.row}/{self.how}"

    @property
    def spread(self):
        """How the samples are distributed; None without any."""
        return spread(self.samples) if self.samples else None

    @property
    def exit_spread(self):
        """The same of the VM exits per operation, for whatever reason."""
        if not self.exits:
            return None
        return spread([sum(each) for each in zip(*self.exits.values())])

    def wrong(self):
        """Why the report cannot have this figure, though it should."""
        if self.failed:
            return f"failed: {self.failed}"
        if self.samples and not self.spread.agrees():
            return "runs disagree"
        if self.exits and not self.exit_spread.agrees(FEW_EXITS):
            return "runs disagree in their exits"
        return ""

    @property
    def usable(self):
        """Is there a figure to be printed?"""
        return bool(self.samples) and not self.wrong()


@dataclasses.dataclass
class Run:
    """Everything from one start of dune-measure."""
    emulator: str               # its name; empty on hardware
    vendor: str = ""            # as the person chose it, or the CPU has it
    machine: dict = dataclasses.field(default_factory=dict)
    figures: list = dataclasses.field(default_factory=list)
    broken: str = ""            # why it ended too early

    def unit(self, figure):
        """What a figure is in, as people read it."""
        if figure.unit != "ticks":
            return figure.unit
        return "instructions" if self.emulator else "TSC cycles"

    def by_row(self):
        """The figures, with those of a row together."""
        rows = list(dict.fromkeys(figure.row for figure in self.figures))
        return sorted(self.figures, key=lambda figure: rows.index(figure.row))

    def find(self, row, how):
        """A figure that can be used, or None."""
        for figure in self.figures:
            if (figure.row, figure.how) == (row, how) and figure.usable:
                return figure
        return None

    def problems(self):
        """One line for whatever makes this run no good."""
        found = [f"{figure.name}: {figure.wrong()}" for figure in self.figures
                 if figure.wrong()]
        return found + ([self.broken] if self.broken else [])

    def add(self, line):
        """Take a line in; returns the figure that is in it, if one is."""
        try:
            said = json.loads(line)
            if "machine" in said:
                self.machine = said["machine"]
                self.vendor = self.vendor or self.machine["vendor"]
                return None
            figure = Figure(**said)
        except (ValueError, TypeError, KeyError) as error:
            self.broken = f"dune-measure printed {line.strip()!r}: {error}"
            return None
        if self.emulator and figure.unit in TIME:
            figure.failed = "an emulator has no time"
        self.figures.append(figure)
        return figure
