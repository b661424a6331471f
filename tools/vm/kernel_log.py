# SPDX-License-Identifier: GPL-2.0-only
"""The machine's kernel log, and what in it is a failure."""

import re

# Whatever the kernel says when something is wrong with it.
SPLAT = re.compile("|".join([
    r"WARNING:", r"BUG:", r"Oops", r"KASAN", r"UBSAN", r"KCSAN",
    r"INFO: (possible|trying|task|suspicious|rcu|inconsistent|lockdep)",
    r"possible (circular|recursive|irq lock|deadlock)", r"inconsistent lock",
    r"suspicious RCU usage", r"rcu: INFO", r"rcu.*detected stall",
    r"unable to handle", r"general protection fault", r"stack-protector",
    r"soft lockup", r"hard LOCKUP", r"blocked for more than",
    r"unreferenced object", r"refcount_t:", r"list_(add|del) corruption",
    r"page allocation failure", r"sleeping function called", r"Bad page",
    r"Bad rss-counter", r"ODEBUG", r"unchecked MSR access", r"Call Trace",
    r"Kernel panic", r"invalid opcode:", r"divide error:", r"kernel stack",
    r"Unbalanced", r"scheduling while atomic", r"held lock", r"left over",
    r"exception RIP", r"double fault", r"mismatch in", r"corrupted",
]))

# What the emulators make a sound kernel say while it boots.
NOISE = [
    # the kernel's advice on a CPU without the newest microcode
    re.compile(r"Speculative Return Stack Overflow: WARNING: See https"),
    re.compile(r"RETBleed: WARNING: Spectre v2 mitigation leaves CPU"),
    # Bochs has its CPUs' errata but not their microcode updates
    re.compile(r"\[Firmware Bug\]: TSC_DEADLINE disabled due to Errata"),
]

RECORD = re.compile(r"^(\d+),(\d+),(\d+),[^;]*;")


def _text(record):
    """A record of /dev/kmsg as lines that a person can read."""
    lines = record.decode(errors="replace").splitlines()
    match = RECORD.match(lines[0]) if lines else None
    if not match:
        return lines
    time = int(match[3]) / 1e6
    first = f"[{time:12.6f}] {lines[0][match.end():]}"
    # what follows is a dictionary for machines
    return [first]


class KernelLog:
    """Collects records and watches out for splats."""

    def __init__(self):
        self.lines = []
        self.splats = []

    def add(self, record):
        """Take one record; return the lines it makes."""
        lines = _text(record)
        for line in lines:
            if SPLAT.search(line) and not any(n.search(line) for n in NOISE):
                self.splats.append(len(self.lines))
            self.lines.append(line)
        return lines

    def tail(self, count=60):
        """The end of the log."""
        return self.lines[-count:]

    def splat_report(self):
        """The splats with what stands around them."""
        if not self.splats:
            return []
        start = max(self.splats[0] - 3, 0)
        end = min(self.splats[-1] + 40, start + 200)
        return self.lines[start:end]
