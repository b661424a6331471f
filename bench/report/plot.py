# SPDX-License-Identifier: GPL-2.0-only
"""How many times more Linux takes than Dune, row by row, as an SVG.

Where Linux has nothing like a row, what else does it stands in its place.
"""

import shutil
import subprocess

from report import paper

SCRIPT = """\
set terminal svg noenhanced size {width},500 dynamic background rgb "white"
set output {output}
set title "Linux (or KVM) / Dune: above 1, Dune takes less"
set ylabel "times ({unit}; the paper's in cycles)"
set logscale y
set format y "%g"
set grid ytics
set key outside top right
set style fill solid 0.8 border -1
set xrange [-0.6:{rows} - 0.4]
set xtics rotate by -35 nomirror ({labels})
$data << END_OF_DATA
{data}
END_OF_DATA
plot 1 with lines dashtype 2 linecolor "black" notitle, {boxes}
"""

# A box goes from 1 to the ratio: x, y, its sides, its ends.
BOX = ("$data using ($0 + {left}):{column}:($0 + {left}):($0 + {right}):(1):"
       "{column} with boxxyerror title {title}")

WIDTH = 300     # without the rows
WIDTH_OF_ROW = 50
ROOM = 0.8      # of the distance of two rows, for the boxes of one


class NoPlot(Exception):
    """There is no plot, and why."""


def quote(text):
    """A string of gnuplot in which nothing has a meaning."""
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"


def ratios(run):
    """{row: the baseline's figure over Dune's}."""
    found = {}
    for figure in run.figures:
        ratio = paper.to_baseline(run, figure)
        if paper.is_dune(figure) and ratio and figure.row not in found:
            found[figure.row] = 1 / ratio
    return found


def _series(runs):
    """(title, ratios) of each run and of the paper."""
    series = [(run.vendor, ratios(run)) for run in runs]
    rows = {row for _, values in series for row in values}
    of_paper = {row: 1 / paper.ratio(row) for row in rows
                if paper.ratio(row)}
    return series + [("paper, 2012", of_paper)]


def _boxes(titles):
    """What is drawn: the boxes of a row side by side."""
    width = ROOM / len(titles)
    return ", ".join(BOX.format(
        left=f"{number * width - ROOM / 2:.3f}",
        right=f"{(number + 1) * width - ROOM / 2:.3f}",
        column=number + 1, title=quote(title))
        for number, title in enumerate(titles))


def script(runs, path):
    """What gnuplot is told."""
    series = _series(runs)
    rows = [row for row in dict.fromkeys(
        figure.row for run in runs for figure in run.figures)
        if any(values.get(row) for _, values in series)]
    if not rows:
        raise NoPlot("there is no row with figures of both Linux and Dune")
    lines = [" ".join(f"{values[row]:.6g}" if values.get(row) else "NaN"
                      for _, values in series) for row in rows]
    labels = ", ".join(f"{quote(row)} {at}" for at, row in enumerate(rows))
    unit = "instructions" if runs[0].emulator else "TSC cycles"
    return SCRIPT.format(output=quote(path), unit=unit, rows=len(rows),
                         width=WIDTH + WIDTH_OF_ROW * len(rows),
                         labels=labels, data="\n".join(lines),
                         boxes=_boxes([title for title, _ in series]))


def write(path, runs):
    """Write the SVG; NoPlot says why there is none."""
    if not shutil.which("gnuplot"):
        raise NoPlot("there is no gnuplot; Debian has it in gnuplot-nox")
    done = subprocess.run(["gnuplot"], input=script(runs, path), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode:
        raise NoPlot(f"gnuplot failed: {done.stdout.strip()}")
