"""Results as text and as JSON: whole outputs, as programs rely on them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_cli import streams
from pipeline_cli.output.report import print_json, print_text
from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import PipelineRunner, RunResult

A = JobResult("A", Path("/out/x.json"), seconds=0.0125, counts={"lines": 1234567, "records": 1234567})
GIVEN = {"start_from": None, "stop_after": None}


@pytest.fixture
def runner(folder):
    return PipelineRunner(engine="local")


@pytest.fixture
def report(runner, capsys, monkeypatch):
    """Print the results of one input per argument; return standard output and standard error."""
    # An earlier test may have diverted the output of this process.
    monkeypatch.setattr(streams, "_state", streams._State())

    def report(*jobs, print_results=print_text):
        results = [RunResult("x.txt", "local", each) for each in jobs]
        print_results(runner, ["x.txt"] * len(results), results, GIVEN)
        return tuple(capsys.readouterr())

    return report


def test_one_input_has_a_line_for_each_job(report):
    """The longest name of a job sets the width of the first column."""
    b = JobResult("load", BatchId(12), seconds=61.5, counts={"records": 3})

    out, err = report((A, b))

    assert (
        "x.txt\n"
        "  A     1,234,567 records    0.013 s  /out/x.json\n"
        "  load          3 records   61.500 s  batch 12\n"
    ) == out
    assert "" == err


def test_the_page_of_a_failed_run_is_printed_once(runner, capsys):
    """After a success Prefect's log has named it; standard output is the same on both engines."""
    page = "http://localhost:4200/runs/flow-run/1"
    done = RunResult("x.txt", "prefect", (A,), run_id="1", url=page)
    failed = RunResult(
        "y.txt", "prefect", (JobResult("A", exception=ValueError("no")),), run_id="1", url=page
    )

    print_text(runner, ["x.txt"], [done], GIVEN)
    success = capsys.readouterr()
    print_text(runner, ["x.txt", "y.txt", "y.txt"], [done, failed, failed], GIVEN)
    failure = capsys.readouterr()

    assert "" == success.err
    assert f"On Prefect: {page}" == failure.err.splitlines()[-1]
    assert 1 == (success.out + failure.out + failure.err).count("://")


@pytest.mark.parametrize(
    ("output", "counts", "expected"),
    [
        (BatchId(7), {}, "batch 7"),
        (BatchId(7), {"duplicate": 3}, "batch 7 (was there already)"),
        (BatchId(7), {"resumed": 3}, "batch 7 (resumed)"),
        (7, {}, "7"),
        ({"words": 7}, {}, "{'words': 7}"),
        ("a\x1b[31m\nb", {}, "a\\x1b[31m\\nb"),
        (Path("/a\nb\udcff"), {}, "/a\\nb\\xff"),
        (["x" * 100] * 5, {}, f"{str(['x' * 100] * 5)[:500]}… (520 characters)"),
        (None, {}, ""),
    ],
)
def test_the_output_of_a_job_ends_its_line(report, output, counts, expected):
    """Only a BatchId is called a batch: a user's own job may return any number."""
    out, _ = report((JobResult("D", output, counts=counts),))

    assert f"x.txt\n  D                     0.000 s  {expected}".rstrip() + "\n" == out


def test_counts_of_ones_own_stand_in_the_line_of_their_job(report):
    """Behind the records, if there are any."""
    read = JobResult("read", None, counts={"orders": 3000, "records": 2, "lines": 5, "free": 1})
    mail = JobResult("mail", "sent", counts={"messages": 1})

    out, _ = report((read, mail))

    assert (
        "x.txt\n"
        "  read  2 records, 3,000 orders, 1 free    0.000 s\n"
        "  mail                       1 messages    0.000 s  sent\n"
    ) == out


ROWS = {"read": 1003, "records": 997, "rejected": 3, "blank": 2, "dropped": 1}


def test_typed_rows_end_with_their_sums_and_where_the_rejects_are(report):
    """The sums of the batch stand below all jobs; A counts the rejects that it has found itself."""
    a = JobResult("A", Path("/out/x.json"), counts={"lines": 1003, "records": 998, "blank": 2, "rejected": 3})
    b = JobResult("B", BatchId(12), counts=ROWS)
    c = JobResult("C", BatchId(12), counts={"records": 997, "rejected": 3})

    out, err = report((a, b, c))

    assert (
        "x.txt\n"
        "  A  998 records, 3 rejected    0.000 s  /out/x.json\n"
        "  B              997 records    0.000 s  batch 12\n"
        "  C              997 records    0.000 s  batch 12\n"
        "  1,003 read = 997 loaded + 3 rejected + 2 blank + 1 dropped\n"
        "  Rejected rows: pipeline rejects 12\n"
    ) == out
    assert "" == err


def test_parts_of_the_sums_that_are_zero_are_left_out(report):
    some = JobResult("B", BatchId(1), counts=ROWS | {"read": 997, "rejected": 0, "blank": 0, "dropped": 0})
    none = JobResult("B", BatchId(1), counts=dict.fromkeys(ROWS, 0))

    assert "  997 read = 997 loaded\n" == report((some,))[0].partition("batch 1\n")[2]
    assert "  0 read = 0\n" == report((none,))[0].partition("batch 1\n")[2]


def test_rejects_are_shown_by_a_command_that_finds_the_database(runner, capsys):
    given = GIVEN | {"db_url": "postgresql://me:secret@host/data", "output_dir": "out", "encoding": "latin-1"}
    result = RunResult("x.csv", "local", (JobResult("B", BatchId(3), counts=ROWS),))

    print_text(runner, ["x.csv"], [result], given)

    command = "pipeline --db-url postgresql://me@host/data rejects 3"
    assert f"  Rejected rows: {command}" == capsys.readouterr().out.splitlines()[-1]


def test_json_of_typed_rows_has_their_sums(report):
    job = JobResult("B", BatchId(12), counts=ROWS)

    run = json.loads(report((job,), print_results=print_json)[0])["runs"][0]

    assert {"read": 1003, "loaded": 997, "rejected": 3, "blank": 2, "dropped": 1} == run["sums"]
    assert ROWS == run["jobs"][0]["counts"]


def test_several_inputs_have_one_line_each(report):
    b = JobResult("B", BatchId(1), seconds=0.5, counts={"records": 1234567})
    again = JobResult("B", BatchId(1), counts={"records": 3, "duplicate": 3})
    failed = JobResult("A", exception=InputError("input.nul", "x.txt, line 2: a NUL character is no text"))

    out, err = report((A, b), (A,), (again,), (failed,))

    assert (
        "  batch     records   seconds\n"
        "      1   1,234,567     0.512  x.txt\n"
        "          1,234,567     0.013  x.txt\n"
        "      1           3     0.000  x.txt  (was there already)\n"
        " failed                 0.000  x.txt\n"
        "4 inputs: 3 done, 1 failed\n"
    ) == out
    assert "Error: A x.txt: x.txt, line 2: a NUL character is no text [input.nul]\n" == err


def test_a_failure_names_job_input_and_code(report):
    """The jobs that ran before it are printed, too."""
    bug = JobResult("B", exception=ValueError("a\x1b[31m\nb"))

    out, err = report((A, bug))

    assert "x.txt\n  A  1,234,567 records    0.013 s  /out/x.json\n" == out
    assert (
        "Error: B x.txt: ValueError: a\\x1b[31m\\nb [internal.ValueError]\n"
        "To continue, after mending the job: pipeline run --start-from B /out/x.json\n"
    ) == err


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (1.5, 1.5),
        (True, True),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ({"words": 7}, "{'words': 7}"),
        ("a\nb", "a\\nb"),
        ("x" * 10_001, f"{'x' * 10_000}… (10,001 characters)"),
    ],
)
def test_an_output_that_json_cannot_hold_is_text(report, output, expected):
    """A user's own job may return anything; NaN would make the document invalid."""
    out, _ = report((JobResult("D", output),), print_results=print_json)

    document = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert expected == document["runs"][0]["output"]


@pytest.mark.parametrize("output", ["a\ud800", "https://me:hunter2@host/x"])
def test_a_failure_after_an_output_that_no_command_can_name_has_no_command(report, output):
    done, failed = JobResult("A", output), JobResult("B", exception=OSError("disk full"))

    _, err = report((done, failed))
    document, _ = report((done, failed), print_results=print_json)

    assert "Error: B x.txt: OSError: disk full [internal.OSError]\n" == err
    assert json.loads(document)["runs"][0]["continue_with"] is None


def test_json_of_a_success(pipeline, folder):
    done = pipeline("run-all", "sample.txt", "--json")

    document = done.document
    run_id = document["runs"][0]["run_id"]
    assert all(job.pop("seconds") > 0 for job in document["runs"][0]["jobs"])
    path = f"{folder}/data/output/sample_processed.json"
    a = {"output": path, "counts": {"lines": 3, "records": 3, "blank": 0}}
    c = {"output": 1, "counts": {"records": 3}}
    assert {
        "success": True,
        "engine": "local",
        "engine_reason": "no Prefect API is configured",
        "error": None,
        "runs": [
            {
                "input": "sample.txt",
                "success": True,
                "output": 1,
                "batch_id": 1,
                "duplicate": False,
                "run_id": run_id,
                "url": None,
                "jobs": [
                    {"job": "A", "success": True, **a},
                    {"job": "B", "success": True, **c},
                    {"job": "C", "success": True, **c},
                ],
                "error": None,
                "continue_with": None,
            }
        ],
    } == document
    assert 0 == done.code
    with closing(sqlite3.connect("data/pipeline.db")) as database:
        assert [(run_id,)] == database.execute("SELECT run_id FROM processing_batches").fetchall()


def test_json_of_a_failure(pipeline, folder):
    """The error is that of the input; the failed job is one of its jobs."""
    done = pipeline("run-all", "no such\nfile", "sample.txt", "--json")

    first, second = done.document["runs"]
    assert first["jobs"][0].pop("seconds") >= 0
    assert {
        "input": "no such\\nfile",
        "success": False,
        "output": None,
        "batch_id": None,
        "duplicate": False,
        "run_id": second["run_id"],
        "url": None,
        "jobs": [{"job": "A", "success": False, "output": None, "counts": {}}],
        "error": {
            "job": "A",
            "code": "input.missing",
            "message": f"{folder}/no such\\nfile: no such file",
            "retriable": False,
        },
        "continue_with": None,
    } == first
    assert (True, None) == (second["success"], second["error"])
    assert (3, False, None) == (done.code, done.document["success"], done.document["error"])
    assert "Error:" not in done.err


def test_json_of_an_input_that_was_not_run(pipeline, folder):
    """If what all inputs share has failed, the others have no job to name."""
    (folder / "data").touch()

    done = pipeline("--db-path", "x.db", "run-all", "sample.txt", "other.txt", "--json")

    failed, skipped = done.document["runs"]
    assert (5, "output.not_a_folder") == (done.code, failed["error"]["code"])
    assert {
        "job": None,
        "code": "orchestration.not_run",
        "message": "not run after sample.txt failed: output.not_a_folder",
        "retriable": False,
    } == skipped["error"]
    assert ([], None) == (skipped["jobs"], skipped["continue_with"])
