"""The command that continues after a failure: run as it is printed, it really does."""

import os
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing

import pytest

ODD = os.fsdecode(b'it\'s "odd" $HOME `id` \\ !1 ~ *\n\x1b[31m\t\xff gr\xc3\xb6\xc3\x9fe')


@pytest.fixture
def lock(pipeline, folder):
    """The write lock of a database that holds one batch, not finalized; to be closed."""
    pipeline("run", "sample.txt", "--stop-after", "B")
    with closing(sqlite3.connect(folder / "data/pipeline.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def statuses(database):
    with closing(sqlite3.connect(database)) as connection:
        return Counter(status for (status,) in connection.execute("SELECT status FROM processing_batches"))


def in_bash(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", ["other.txt", ODD], ids=["plain", "odd"])
def test_the_printed_command_continues(program, lock, folder, name):
    """A database in use is free again: what B could not load is loaded, and all of it is finalized."""
    (folder / name).write_text("one more\n", encoding="utf-8")
    done = program("--output-dir", f"to {name}", "run-all", "--busy-timeout", "0.1", name)
    command = done.err.splitlines()[-1].removeprefix("To continue: ")
    lock.close()

    assert 6 == done.code
    assert command.startswith("pipeline --output-dir ")
    assert 0 == in_bash(command)
    assert {"loaded": 1, "finalized": 1} == statuses(folder / "data/pipeline.db")


def test_the_command_in_the_document_continues_too(program, lock, folder):
    """With B as the first job the input is the document, by the name it was given."""
    (folder / "data/output/sample_processed.json").rename(folder / "-x 'y'.json")
    options = ["--start-from", "B", "--stop-after", "B", "--busy-timeout", "0", "--on-duplicate", "load"]
    options += ["--max-record-bytes", "99"]
    done = program("run", *options, "--json", "--", "-x 'y'.json")
    lock.close()

    (run,) = done.document["runs"]
    repeated = "--busy-timeout 0.0 --on-duplicate load --max-record-bytes 99 --start-from B --stop-after B"
    command = f"""pipeline run {repeated} -- '-x '"'"'y'"'"'.json'"""
    assert (6, command) == (done.code, run["continue_with"])
    assert 0 == in_bash(command)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "pipeline run x.txt"),
        (["--stop-after", "B"], "pipeline run --stop-after B x.txt"),
        (["--start-from", "B"], "pipeline run --start-from B x.txt"),
    ],
)
def test_where_no_job_has_run_the_same_range_is_run_again(pipeline, folder, options, expected):
    """A database that cannot be used is refused before A has run: B must not be given what is A's."""
    (folder / "x.txt").write_text("a\n", encoding="utf-8")
    database = folder / "data/pipeline.db"
    database.mkdir(parents=True)
    done = pipeline("run", "x.txt", *options)
    database.rmdir()

    assert (6, f"To continue: {expected}") == (done.code, done.err.splitlines()[-1])
    assert (3 if "--start-from" in options else 0) == in_bash(expected)
