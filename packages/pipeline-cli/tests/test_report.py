"""Results as text and as JSON, compared as a whole."""

import json
from pathlib import Path

import pytest

from pipeline_cli.report import as_json, as_text
from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import PipelineRunner, RunResult

A = JobResult("A", Path("/out/x.json"), seconds=0.0125, counts={"lines": 1234567, "records": 1234567})
GIVEN = {"start_from": None, "stop_after": None}


@pytest.fixture
def runner(folder):
    return PipelineRunner(engine="local")


@pytest.fixture
def report(runner, capsys):
    """Prints results as they would be of as many inputs, and returns standard output and error."""

    def printed(*jobs, how=as_text):
        results = [RunResult("x.txt", "local", each) for each in jobs]
        how(runner, ["x.txt"] * len(results), results, GIVEN)
        return tuple(capsys.readouterr())

    return printed


def test_one_input_has_a_line_for_each_job(report):
    """Columns stand below each other, and the longest name of a job sets the first."""
    b = JobResult("load", BatchId(12), seconds=61.5, counts={"records": 3})

    out, err = report((A, b))

    assert (
        "x.txt\n"
        "  A     1,234,567 records    0.013 s  /out/x.json\n"
        "  load          3 records   61.500 s  batch 12\n"
    ) == out
    assert "" == err


def test_the_page_of_a_run_that_failed_is_named_once(runner, capsys):
    """That of others Prefect's own log names, and standard output is the same on both engines."""
    page = "http://localhost:4200/runs/flow-run/1"
    done = RunResult("x.txt", "prefect", (A,), run_id="1", url=page)
    failed = RunResult(
        "y.txt", "prefect", (JobResult("A", exception=ValueError("no")),), run_id="1", url=page
    )

    as_text(runner, ["x.txt"], [done], GIVEN)
    quiet = capsys.readouterr()
    as_text(runner, ["x.txt", "y.txt", "y.txt"], [done, failed, failed], GIVEN)
    told = capsys.readouterr()

    assert "" == quiet.err
    assert f"On Prefect: {page}" == told.err.splitlines()[-1]
    assert 1 == (quiet.out + told.out + told.err).count("://")


@pytest.mark.parametrize(
    ("output", "counts", "expected"),
    [
        (BatchId(7), {}, "batch 7"),
        (BatchId(7), {"duplicate": 3}, "batch 7, which held them already"),
        (BatchId(7), {"resumed": 3}, "batch 7, left unfinished before"),
        (7, {}, "7"),
        ({"words": 7}, {}, "{'words': 7}"),
        ("a\x1b[31m\nb", {}, "a\\x1b[31m\\nb"),
        (Path("/a\nb\udcff"), {}, "/a\\nb\\xff"),
        (None, {}, ""),
    ],
)
def test_what_a_job_returned_ends_its_line(report, output, counts, expected):
    """A number is a batch only if it is one: a job of a user's own may count something else."""
    out, _ = report((JobResult("D", output, counts=counts),))

    assert f"x.txt\n  D                     0.000 s  {expected}".rstrip() + "\n" == out


def test_several_inputs_have_a_line_each(report):
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


def test_a_failure_says_where_and_with_which_code(report):
    """What did run before it is reported all the same."""
    bug = JobResult("B", exception=ValueError("a\x1b[31m\nb"))

    out, err = report((A, bug))

    assert "x.txt\n  A  1,234,567 records    0.013 s  /out/x.json\n" == out
    assert (
        "Error: B x.txt: ValueError: a\\x1b[31m\\nb [internal.ValueError]\n"
        "To continue: pipeline run --start-from B /out/x.json\n"
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
    ],
)
def test_an_output_json_cannot_hold_is_text(report, output, expected):
    """Of what a job of a user's own returns; not-a-number would make the document none."""
    out, _ = report((JobResult("D", output),), how=as_json)

    document = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert expected == document["runs"][0]["output"]
