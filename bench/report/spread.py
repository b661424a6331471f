# SPDX-License-Identifier: GPL-2.0-only
"""Median and spread of samples, and whether they agree."""

import dataclasses
import math
import statistics

# Of the quartiles, so that the few samples that a clock tick is in do not count,
# or of where the median is with 95 % certainty, which many samples narrow down.
MOST_SPREAD = 0.05


@dataclasses.dataclass
class Spread:
    """How samples are distributed."""
    median: float
    quartiles: tuple
    certain: tuple
    least: float
    most: float

    def part(self, ends):
        """The distance of two values, as a part of the median."""
        distance = ends[1] - ends[0]
        if not distance:
            return 0.0
        return distance / abs(self.median) if self.median else float("inf")

    @property
    def relative(self):
        """The same of the quartiles."""
        return self.part(self.quartiles)

    def agrees(self, floor=0.0):
        """Is there one figure that the samples tell?

        What differs by no more than the floor does agree.
        """
        return any(ends[1] - ends[0] <= floor or
                   self.part(ends) <= MOST_SPREAD
                   for ends in (self.quartiles, self.certain))


def _certain(samples):
    """Between these the median of all there could be is, in 95 of 100 cases.

    By the binomial distribution, whatever that of the samples is.
    """
    count = len(samples)
    first = max(0, math.floor((count - 1.96 * math.sqrt(count)) / 2))
    ordered = sorted(samples)
    return ordered[first], ordered[count - 1 - first]


def spread(samples):
    """The spread of one or more samples."""
    if len(samples) == 1:
        low = high = samples[0]
    else:
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(statistics.median(samples), (low, high), _certain(samples),
                  min(samples), max(samples))
