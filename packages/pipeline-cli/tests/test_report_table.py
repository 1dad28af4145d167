"""Table of several runs."""

import click

from pipeline_cli.output.report import _print_runs
from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import RunResult

DONE = RunResult("x.txt", "local", (JobResult("B", BatchId(3), counts={"records": 1200}),))
DUPLICATE = RunResult("y.txt", "local", (JobResult("B", BatchId(1), counts={"records": 5, "duplicate": 5}),))
FAILED = RunResult("z.txt", "local", (JobResult("A", exception=InputError("input.nul", "a NUL")),))


def test_a_terminal_gets_only_totals_of_more_than_fifty_inputs(capsys, monkeypatch):
    """Nobody reads ten thousand rows; the failures are on standard error."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    _print_runs([DONE] * 60 + [DUPLICATE, FAILED])

    assert (
        "62 inputs: 61 done, 1 failed\n"
        "  60 new: 72,000 records, batch 3\n"
        "  1 already there: 5 records, batch 1\n"
    ) == click.unstyle(capsys.readouterr().out)


def test_counts_of_ones_own_end_the_rows_and_the_totals(capsys):
    """Those of A, B and C have a place of their own. Whatever a name is, the table keeps its lines."""
    own = RunResult(
        "x.csv",
        "local",
        (
            JobResult("read", "x.json", seconds=1, counts={"records": 2, "blank": 0, "orders": 3000}),
            JobResult("mail", None, seconds=1, counts={"orders": 1, "a\nb": 1}),
        ),
    )
    long = RunResult("y.csv", "local", (JobResult("read", None, counts={90 * "x": 1}),))

    _print_runs([own, DONE, own, long])

    assert (
        "  batch     records   seconds\n"
        "                  2     2.000  x.csv  3,001 orders, 1 a\\nb\n"
        "      3       1,200     0.000  x.txt\n"
        "                  2     2.000  x.csv  3,001 orders, 1 a\\nb\n"
        f"                        0.000  y.csv  1 {78 * 'x'}… (92 characters)\n"
        "4 inputs: 4 done, 0 failed\n"
        f"  6,002 orders, 2 a\\nb, 1 {57 * 'x'}… (113 characters)\n"
    ) == click.unstyle(capsys.readouterr().out)
