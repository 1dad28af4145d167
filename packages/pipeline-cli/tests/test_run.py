"""`pipeline run` and `pipeline run-all`: options, inputs, and the command that resumes after a failure."""

import os
import shlex
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

ODD = os.fsdecode(b'it\'s "odd" $HOME `id` \\ !1 ~ *\n\x1b[31m\t\xff gr\xc3\xb6\xc3\x9fe')


def test_options_reach_the_run(pipeline, folder):
    """Folder, database and encoding are those of the command line; the default places stay empty."""
    (folder / "ÿ.txt").write_bytes(b"gr\xf6\xdfe\n")
    options = ["--log-level", "off", "--output-dir", "out", "--db-path", "db/x.db", "--engine", "local"]

    done = pipeline(*options, "run-all", "ÿ.txt", "--encoding", "latin-1", "--busy-timeout", "0.5")

    assert (0, "") == (done.code, done.err)
    assert '"größe"' in (folder / "out/ÿ_processed.json").read_text(encoding="utf-8")
    assert (folder / "db/x.db").is_file()
    assert not (folder / "data").exists()


def test_a_range_of_jobs_is_run(pipeline, folder):
    done = pipeline("--log-level", "OFF", "run", "sample.txt", "--stop-after", "A")

    path = folder / "data/output/sample_processed.json"
    assert f"sample.txt\n  A        3 records    #.### s  {path}\n" == done.out
    done = pipeline("--log-level", "OFF", "run", path, "--start-from", "B", "--stop-after", "B")
    assert f"{path}\n  B        3 records    #.### s  batch 1\n" == done.out


@pytest.mark.parametrize(("choice", "code", "batch"), [("skip", 0, 1), ("load", 0, 2), ("error", 4, None)])
def test_on_duplicate_skips_loads_or_fails(pipeline, choice, code, batch):
    pipeline("run-all", "sample.txt")

    done = pipeline("run-all", "sample.txt", "--on-duplicate", choice, "--json")

    assert (code, batch) == (done.code, done.document["runs"][0]["batch_id"])


@pytest.fixture
def many(folder):
    """A folder of thirty files, two of which are not UTF-8."""
    Path("in").mkdir()
    for number in range(30):
        Path(f"in/{number:02}.txt").write_bytes(b"\xff" if number in (3, 20) else b"one\n")


def test_folders_and_globs_are_expanded(pipeline, many):
    """A file named twice runs once; failures come last, and the first one gives the exit code."""
    done = pipeline("--log-level", "OFF", "run-all", "in/0*.txt", "in")

    lines = done.out.splitlines()
    assert [f"in/{number:02}.txt" for number in range(30) if number not in (3, 20)] + [
        "in/03.txt",
        "in/20.txt",
    ] == [line.split()[-1] for line in lines[1:-1]]
    assert "30 inputs: 28 done, 2 failed" == lines[-1]
    assert 2 == done.err.count("[input.undecodable]")
    assert 3 == done.code


def test_concurrency_does_not_change_the_output(pipeline, many, monkeypatch):
    """Two worker processes print what one process prints. Takes seconds: each worker imports the packages."""
    from pipeline_orchestration.engines import dispatch

    monkeypatch.setattr(dispatch, "_SECONDS_TO_START", 0)

    one = pipeline("--log-level", "OFF", "run-all", "in")
    two = pipeline("--log-level", "OFF", "--db-path", "other.db", "run-all", "in", "--concurrency", "2")

    def strip(done):
        return [line.split()[-1] for line in done.out.splitlines()], done.err, done.code

    assert strip(one) == strip(two)


def test_batch_ids_are_not_expanded(pipeline, folder):
    pipeline("run-all", "sample.txt")

    done = pipeline("--log-level", "OFF", "run", "1", "1", "no*", "--start-from", "C")

    assert "3 inputs: 2 done, 1 failed" == done.out.splitlines()[-1]
    assert "invalid batch id 'no*'" in done.err


def test_a_folder_of_documents_is_an_input_of_job_b(pipeline, folder):
    pipeline("run", "sample.txt", "--stop-after", "A")

    assert "batch 1" in pipeline("run", "data/output", "--start-from", "B").out


def test_failures_beyond_twenty_are_counted_by_code(pipeline, folder):
    Path("in").mkdir()
    for number in range(50):
        Path(f"in/{number:02}.txt").write_bytes(b"\xff")

    done = pipeline("--log-level", "OFF", "run-all", "in")

    *_, more, hint = done.err.splitlines()
    assert 22 == len(done.err.splitlines())
    assert "Error: 30 more failed: input.undecodable 30" == more
    assert "To continue: run the same command again; --json lists every failure" == hint


@pytest.fixture
def lock(pipeline, folder):
    """Hold the write lock of a database with one unfinished batch; a test closes it."""
    pipeline("run", "sample.txt", "--stop-after", "B")
    with closing(sqlite3.connect(folder / "data/pipeline.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def count_statuses(database):
    with closing(sqlite3.connect(database)) as connection:
        return Counter(status for (status,) in connection.execute("SELECT status FROM processing_batches"))


def run_in_bash(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", ["other.txt", ODD], ids=["plain name", "odd name"])
def test_the_printed_command_resumes(program, lock, folder, name):
    """Once the lock is gone, a shell runs the printed command: the input is loaded and finalized.

    The command runs as a program: in this process, closing the database file would release the lock.
    """
    (folder / name).write_text("one more\n", encoding="utf-8")
    done = program("--output-dir", f"to {name}", "run-all", "--busy-timeout", "0.1", name)
    command = done.err.splitlines()[-1].removeprefix("To continue: ")
    lock.close()

    assert 6 == done.code
    assert command.startswith("pipeline --output-dir ")
    assert 0 == run_in_bash(command)
    assert {"loaded": 1, "finalized": 1} == count_statuses(folder / "data/pipeline.db")


def test_the_command_in_the_json_document_resumes(program, lock, folder):
    """If the run started with B, the input is the document, by the name it was given."""
    (folder / "data/output/sample_processed.json").rename(folder / "-x 'y'.json")
    options = ["--start-from", "B", "--stop-after", "B", "--busy-timeout", "0", "--on-duplicate", "load"]
    options += ["--max-record-bytes", "99"]
    done = program("run", *options, "--json", "--", "-x 'y'.json")
    lock.close()

    (run,) = done.document["runs"]
    repeated = "--busy-timeout 0.0 --on-duplicate load --max-record-bytes 99 --start-from B --stop-after B"
    command = f"""pipeline run {repeated} -- '-x '"'"'y'"'"'.json'"""
    assert (6, command) == (done.code, run["continue_with"])
    assert 0 == run_in_bash(command)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "pipeline run x.txt"),
        (["--stop-after", "B"], "pipeline run --stop-after B x.txt"),
        (["--start-from", "B"], "pipeline run --start-from B x.txt"),
    ],
)
def test_if_no_job_has_run_the_command_repeats_the_range(pipeline, folder, options, expected):
    """An unusable database is refused before A runs, so that the command must not start with B."""
    (folder / "x.txt").write_text("a\n", encoding="utf-8")
    database = folder / "data/pipeline.db"
    database.mkdir(parents=True)
    done = pipeline("run", "x.txt", *options)
    database.rmdir()

    assert (6, f"To continue: {expected}") == (done.code, done.err.splitlines()[-1])
    _, *arguments = shlex.split(expected)
    assert (3 if "--start-from" in options else 0) == pipeline(*arguments).code
