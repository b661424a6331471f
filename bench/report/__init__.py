# SPDX-License-Identifier: GPL-2.0-only
"""What dune-measure's figures mean: for dune-bench and tools/bench."""
