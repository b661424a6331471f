# SPDX-License-Identifier: GPL-2.0-only
"""Median and spread of samples, and whether they agree."""

import dataclasses
import statistics

# The quartiles, so that the few samples that a clock tick is in do not count.
MOST_SPREAD = 0.05


@dataclasses.dataclass
class Spread:
    """How samples are distributed."""
    median: float
    quartiles: tuple
    least: float
    most: float

    @property
    def relative(self):
        """The distance of the quartiles, as a part of the median."""
        distance = self.quartiles[1] - self.quartiles[0]
        if not distance:
            return 0.0
        return distance / abs(self.median) if self.median else float("inf")

    def agrees(self, floor=0.0):
        """Is there one figure that the samples tell?

        What differs by no more than the floor does agree.
        """
        distance = self.quartiles[1] - self.quartiles[0]
        return distance <= floor or self.relative <= MOST_SPREAD


def spread(samples):
    """The spread of one or more samples."""
    if len(samples) == 1:
        low = high = samples[0]
    else:
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(statistics.median(samples), (low, high), min(samples),
                  max(samples))
