#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of report/, in which a wrong sum would look like a good figure.

Prints TAP.
"""

import contextlib
import copy
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from report import command, estimate, figures, guard, markdown  # noqa: E402
from report import paper, plot, save, spread, table, targets    # noqa: E402

STEADY = [100.0, 100.0, 101.0, 100.0, 100.0]


def line(row="getpid", how="Linux", samples=STEADY, exits=None, **more):
    """A line as dune-measure prints it."""
    said = {"row": row, "how": how, "per": "call", "unit": "ticks",
            "operations": 10, "samples": samples, **more}
    if exits is not None:
        said["exits"] = exits
    return json.dumps(said)


def run_of(*lines, emulator="QEMU"):
    """A run that printed these."""
    run = figures.Run(emulator=emulator, vendor="amd")
    run.add(json.dumps({"machine": {"model": "A CPU", "vendor": "AuthenticAMD",
                                    "kernel": "6.1", "hypervisor": "",
                                    "parameters": {}}}))
    for text in lines:
        run.add(text)
    return run


def dune(row="getpid", median=200.0, exits=1):
    """A figure of a process in Dune."""
    return line(row, "Dune", [median] * 5,
                {"hypercall": [exits] * 5, "other": [0] * 5})


class Spread(unittest.TestCase):
    def test_median_is_not_the_mean(self):
        self.assertEqual(spread.spread([1, 2, 90]).median, 2)

    def test_quartiles_and_ends(self):
        of_five = spread.spread([1, 2, 3, 4, 50])
        self.assertEqual(of_five.quartiles, (2, 4))
        self.assertEqual((of_five.least, of_five.most), (1, 50))

    def test_relative(self):
        self.assertAlmostEqual(spread.spread([90, 95, 100, 105, 110]).relative,
                               0.1)

    def test_outliers_agree(self):
        self.assertTrue(spread.spread([100] * 12 + [150, 900, 1]).agrees())

    def test_two_groups_disagree(self):
        self.assertFalse(spread.spread([100] * 8 + [120] * 7).agrees())

    def test_limit(self):
        self.assertTrue(spread.spread([97, 98, 100, 102, 103]).agrees())
        self.assertFalse(spread.spread([94, 97, 100, 103, 106]).agrees())

    def test_many_make_certain(self):
        wide = [100 + i % 20 for i in range(15)]
        self.assertFalse(spread.spread(wide).agrees())
        self.assertTrue(spread.spread(wide * 10).agrees())

    def test_two_groups_disagree_however_many(self):
        self.assertFalse(spread.spread(([100] * 8 + [120] * 8) * 10).agrees())

    def test_floor(self):
        self.assertFalse(spread.spread([0, 0, 0.002, 0.004, 0.01]).agrees())
        self.assertTrue(spread.spread([0, 0, 0.002, 0.004, 0.01]).agrees(0.01))

    def test_nothing_at_all_agrees(self):
        nothing = spread.spread([0, 0, 0])
        self.assertTrue(nothing.agrees())
        self.assertEqual(nothing.relative, 0)

    def test_one(self):
        self.assertEqual(spread.spread([7]).median, 7)


class Figures(unittest.TestCase):
    def test_disagreement(self):
        run = run_of(line(samples=[100] * 3 + [150] * 3))
        self.assertEqual(run.problems(), ["getpid/Linux: runs disagree"])
        self.assertIsNone(run.find("getpid", "Linux"))
        self.assertNotIn("instructions / call", table.text(run))
        self.assertIn("runs disagree", table.text(run))

    def test_exits_disagree(self):
        run = run_of(line(how="Dune", exits={"other": [1, 1, 2, 2, 2]}))
        self.assertEqual(run.problems(),
                         ["getpid/Dune: runs disagree in their exits"])

    def test_exits_are_summed(self):
        run = run_of(line(how="Dune", exits={"a": [1] * 5, "b": [2] * 5}))
        self.assertEqual(run.figures[0].exit_spread.median, 3)

    def test_failed(self):
        run = run_of('{"row": "a", "how": "b", "per": "c", "failed": "why"}')
        self.assertEqual(run.problems(), ["a/b: failed: why"])
        self.assertIn("failed: why", table.text(run))

    def test_skipped_is_no_problem(self):
        run = run_of('{"row": "a", "how": "b", "per": "c", "skipped": "why"}')
        self.assertEqual(run.problems(), [])
        self.assertIn("skipped: why", table.text(run))

    def test_half_a_line(self):
        run = run_of('{"row": "a", "how": "b", "per": "c"')
        self.assertEqual(len(run.problems()), 1)

    def test_units(self):
        self.assertIn("100  instructions / call", table.text(run_of(line())))
        on_hardware = table.text(run_of(line(), emulator=""))
        self.assertIn("100  TSC cycles / call", on_hardware)
        self.assertNotIn("instructions", on_hardware)

    def test_rows_are_together(self):
        run = run_of(line("a"), line("b"), dune("a"), dune("b"))
        self.assertEqual([figure.name for figure in run.by_row()],
                         ["a/Linux", "a/Dune", "b/Linux", "b/Dune"])

    def test_no_time_in_an_emulator(self):
        self.assertTrue(run_of(line(unit="ns")).problems())
        self.assertFalse(run_of(line(unit="ns"), emulator="").problems())
        self.assertFalse(run_of(line(unit="bytes")).problems())


class Ratios(unittest.TestCase):
    def test_of_linux(self):
        run = run_of(line(), dune())
        self.assertEqual(paper.to_baseline(run, run.figures[1]), 2)
        self.assertEqual(plot.ratios(run), {"getpid": 0.5})

    def test_different_things_have_none(self):
        run = run_of(line(unit="bytes"), dune())
        self.assertIsNone(paper.to_baseline(run, run.figures[1]))

    def test_a_disagreeing_linux_has_none(self):
        run = run_of(line(samples=[100, 100, 150, 150]), dune())
        self.assertIsNone(paper.to_baseline(run, run.figures[1]))

    def test_paper(self):
        self.assertAlmostEqual(paper.ratio("getpid"), 895 / 138)
        self.assertIsNone(paper.ratio("no such row"))
        for row, known in paper.PAPER["rows"].items():
            self.assertIn(paper.baseline(row), known)
            self.assertIn("Dune", known)

    def test_what_linux_has_for_it(self):
        run = run_of(line("interposed getpid", "Linux"),
                     line("interposed getpid", "ptrace", [800] * 3),
                     dune("interposed getpid"))
        self.assertEqual(paper.to_baseline(run, run.figures[2]), 0.25)

    def test_no_plot_of_nothing(self):
        with self.assertRaises(plot.NoPlot):
            plot.script([run_of(line())], "x.svg")

    def test_no_gnuplot(self):
        with mock.patch("shutil.which", return_value=None):
            with self.assertRaisesRegex(plot.NoPlot, "gnuplot-nox"):
                plot.write("x.svg", [run_of(line(), dune())])


class Targets(unittest.TestCase):
    """Met or missed, and by how much."""

    RATIO = {"what": "", "figure": "getpid/Dune", "of": "getpid/Linux",
             "most": 1.5}

    def test_a_ratio_is_of_two_figures(self):
        run = run_of(line(), dune(median=200.0))
        self.assertAlmostEqual(targets.value(run, self.RATIO), 2)

    def test_without_one_of_them_there_is_none(self):
        self.assertIsNone(targets.value(run_of(line()), self.RATIO))
        self.assertIsNone(targets.value(run_of(dune()), self.RATIO))

    def test_exits_are_counted(self):
        run = run_of(dune(exits=3))
        target = {"what": "", "exits": "getpid/Dune", "most": 1}
        self.assertEqual(targets.value(run, target), 3)

    def test_the_verdict_says_by_how_much(self):
        self.assertEqual(targets.verdict(1.5, 1.5), "met")
        self.assertEqual(targets.verdict(1.8, 1.5), "missed by 20 %")

    def test_every_target_is_of_a_figure(self):
        for target in targets.TARGETS:
            self.assertIn("most", target)
            self.assertTrue(("figure" in target) != ("exits" in target))


class Sandbox(unittest.TestCase):
    """Programs in the sandbox, beside other supervisors."""

    ROW = "getpid of a program"

    def run_with(self, median):
        """Linux has 100, ptrace 3000."""
        return run_of(line(self.ROW),
                      line(self.ROW, "dune-sandbox", [median] * 5,
                           {"other": [1] * 5}),
                      line(self.ROW, "ptrace", [3000.0] * 5))

    def verdicts(self, median):
        return [cells[3] for cells in targets.cells(self.run_with(median))]

    def test_both_targets(self):
        self.assertEqual(self.verdicts(240.0), ["met", "met"])
        self.assertEqual(self.verdicts(275.0), ["missed by 10 %", "met"])
        self.assertEqual(self.verdicts(330.0),
                         ["missed by 32 %", "missed by 10 %"])

    def test_the_table_has_ratio_and_exits(self):
        cells = table.cells(self.run_with(240.0))
        self.assertEqual([each[1] for each in cells],
                         ["Linux", "dune-sandbox", "ptrace"])
        self.assertEqual([each[5] for each in cells], ["1", "2.4", "30"])
        self.assertEqual([each[6] for each in cells], ["", "1", ""])

    def test_an_estimate_where_exits_are_known(self):
        run = self.run_with(240.0)
        found = [estimate.cycles(run, figure, Estimate.CPU)
                 for figure in run.figures]
        self.assertEqual(found, [100, 1240, None])


class Estimate(unittest.TestCase):
    CPU = {"name": "C", "vendor": "AuthenticAMD", "exit": 1000,
           "walk": {"Linux": 30, "Dune": 80}}

    def test_sum(self):
        run = run_of(line(), dune(exits=2))
        self.assertEqual(estimate.cycles(run, run.figures[0], self.CPU), 100)
        self.assertEqual(estimate.cycles(run, run.figures[1], self.CPU), 2200)

    def test_walks(self):
        row = "page walk, 4 KiB"
        run = run_of(line(row, samples=[2] * 3), dune(row, 2, 0))
        self.assertEqual(estimate.cycles(run, run.figures[0], self.CPU), 32)
        self.assertEqual(estimate.cycles(run, run.figures[1], self.CPU), 82)

    def test_exits_of_others_are_not_known(self):
        run = run_of(line(how="KVM"), line("nested fault, absent", "KVM"))
        for figure in run.figures:
            self.assertIsNone(estimate.cycles(run, figure, self.CPU))

    def test_none_on_hardware(self):
        self.assertEqual(estimate.text(run_of(line(), dune(), emulator="")), "")

    def test_it_is_called_one(self):
        run = run_of(line(), dune())
        self.assertIn("ESTIMATE", estimate.text(run))
        self.assertIn("Not measured", markdown.page([run], save.facts(5)))

    def test_each_cost_has_its_source(self):
        for cpu in estimate.MODEL["cpus"]:
            self.assertTrue(cpu["exit_source"])
            self.assertEqual("walk" in cpu, "walk_source" in cpu)


class Guard(unittest.TestCase):
    def recorded(self, instructions, exits):
        return {"guarded": ["getpid/Dune"], "counts": {"amd": {
            "kernel": "6.1", "figures": {"getpid/Dune": {
                "instructions": instructions, "exits": exits}}}}}

    def result(self, run, recorded):
        lines, good = guard.tap(run, recorded)
        self.assertEqual(good, lines[-1].startswith("ok 1 "))
        return good

    def test_same(self):
        self.assertTrue(self.result(run_of(dune()), self.recorded(200, 1)))

    def test_less(self):
        self.assertTrue(self.result(run_of(dune()), self.recorded(300, 2)))

    def test_more_instructions(self):
        self.assertTrue(self.result(run_of(dune()), self.recorded(191, 1)))
        self.assertFalse(self.result(run_of(dune()), self.recorded(190, 1)))

    def test_more_exits(self):
        self.assertFalse(self.result(run_of(dune()), self.recorded(200, 0.9)))
        self.assertFalse(self.result(run_of(dune()), self.recorded(200, 0)))

    def test_not_measured(self):
        self.assertFalse(self.result(run_of(line()), self.recorded(200, 1)))

    def test_never_recorded(self):
        recorded = {**self.recorded(200, 1), "counts": {}}
        self.assertFalse(self.result(run_of(dune()), recorded))

    def test_skipped_is_not_good(self):
        run = run_of('{"row": "getpid", "how": "Dune", "per": "call", '
                     '"skipped": "why"}')
        self.assertFalse(self.result(run, self.recorded(200, 1)))

    def test_broken(self):
        run = run_of(dune())
        run.broken = "the time was up"
        self.assertFalse(guard.tap(run, self.recorded(200, 1))[1])


class Against(unittest.TestCase):
    def compare(self, before, after):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "before.json")
            save.write(path, [before], save.facts(5))
            return save.compare(path, [after])

    def test_same(self):
        run = run_of(line(), dune())
        self.assertEqual(self.compare(run, copy.deepcopy(run)), ([], 2))

    def test_changed(self):
        for median, changed in ((201.0, 0), (203.0, 1), (197.0, 1)):
            found, compared = self.compare(run_of(dune()),
                                           run_of(dune(median=median)))
            self.assertEqual((len(found), compared), (changed, 1))


class Status(unittest.TestCase):
    def status(self, *lines, argv=()):
        options = command.parser("test", "").parse_args(argv)
        with contextlib.redirect_stdout(io.StringIO()):
            with contextlib.redirect_stderr(io.StringIO()):
                return command.report(options, [run_of(*lines)])

    def test_good(self):
        self.assertEqual(self.status(line(), dune()), 0)

    def test_disagreement(self):
        self.assertEqual(self.status(line(samples=[1, 1, 2, 2])), 1)

    def test_failure(self):
        self.assertEqual(self.status(
            '{"row": "a", "how": "b", "per": "c", "failed": "why"}'), 1)

    def test_a_page_without_a_plot(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.md")
            argv = ["--markdown", page, "--plot", os.path.join(folder, "x")]
            with mock.patch("shutil.which", return_value=None):
                self.assertEqual(self.status(line(), dune(), argv=argv), 1)
            with open(page) as file:
                self.assertNotIn("![", file.read())


class Tap(unittest.TestResult):
    """Tests' results as TAP."""

    def tell(self, test, verdict, why=""):
        """One of them."""
        for text in why.splitlines():
            print(f"# {text}")
        print(f"{verdict} {self.testsRun} {test.id().split('.', 1)[-1]}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, "not ok", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, "not ok", self.errors[-1][1])


def main():
    loader = unittest.defaultTestLoader
    tests = loader.loadTestsFromModule(sys.modules[__name__])
    print(f"TAP version 13\n1..{tests.countTestCases()}")
    result = Tap()
    tests.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
