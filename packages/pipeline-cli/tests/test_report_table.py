"""Table of several runs."""

import click

from pipeline_cli.output.report import _print_runs
from pipeline_cli.output.sums import find_rejects
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


def make_typed(batch, *counts, **more):
    names = ("read", "records", "rejected", "blank", "dropped")
    counts = dict(zip(names, counts, strict=True)) | more
    # A's own rejects are part of those of the batch.
    return RunResult(
        f"{batch}.csv",
        "local",
        (
            JobResult("A", "x.json", counts={"lines": 9, "records": 9, "blank": 2, "rejected": 1}),
            JobResult("B", BatchId(batch), seconds=0.5, counts=counts),
        ),
    )


def test_typed_rows_have_a_column_for_each_sum(capsys):
    results = [make_typed(1, 1003, 997, 3, 2, 1, orders=7), make_typed(2, 10, 10, 0, 0, 0), FAILED]

    _print_runs(results)

    assert (
        "  batch        read      loaded    rejected       blank     dropped   seconds\n"
        "      1       1,003         997           3           2           1     0.500  1.csv  7 orders\n"
        "      2          10          10           0           0           0     0.500  2.csv\n"
        " failed                                                                 0.000  z.txt\n"
        "3 inputs: 2 done, 1 failed\n"
        "  1,013 read = 1,007 loaded + 3 rejected + 2 blank + 1 dropped\n"
        "  7 orders\n"
    ) == click.unstyle(capsys.readouterr().out)


def test_the_batch_with_rejects_is_named_if_there_is_only_one():
    clean, some, more = (make_typed(batch, 10, 10 - n, n, 0, 0) for batch, n in ((1, 0), (2, 1), (3, 2)))

    assert (None, 2, "BATCH", None) == (
        find_rejects([clean]),
        find_rejects([clean, some]),
        find_rejects([some, more]),
        find_rejects([DONE]),
    )


def test_counts_of_ones_own_are_no_sums(capsys):
    """Only a job that has loaded typed rows has counted all of them."""
    own = RunResult("x", "local", (JobResult("read", None, counts={"read": 3, "rejected": 1}),))
    loaded = RunResult("y", "local", (JobResult("load", BatchId(1), counts={"read": 3, "dropped": 1}),))

    _print_runs([own, loaded])

    assert (
        "  batch     records   seconds\n"
        "                        0.000  x  3 read, 1 rejected\n"
        "      1                 0.000  y  3 read, 1 dropped\n"
        "2 inputs: 2 done, 0 failed\n"
        "  6 read, 1 rejected, 1 dropped\n"
    ) == click.unstyle(capsys.readouterr().out)
