"""Databases, folders and ranges that cannot be used: refused before anything is written, on either engine."""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineRunner


def make_folder(path):
    path.mkdir()


def make_text_file(path):
    path.write_text("a text, long enough to be looked at by SQLite as the header of a database is\n" * 9)


def make_foreign_database(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE customers (id)")


def make_newer_database(path):
    PipelineRunner(db_path=path, engine="local").run_from("B", ["one"])
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def damage_database(path, start, end):
    """Overwrite bytes: those from 100 to 4096 list the tables, the next page holds rows."""
    PipelineRunner(db_path=path, engine="local").run_from("B", [f"{n}" for n in range(9999)])
    data = bytearray(path.read_bytes())
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


DATABASES = [
    (make_folder, "database.not_a_file", "is a folder; name a file with --db-path"),
    (
        make_text_file,
        "database.not_a_database",
        "is not a SQLite database; name another file with --db-path (file is not a database)",
    ),
    (
        make_foreign_database,
        "database.foreign",
        "belongs to another program; name another file with --db-path, or run: pipeline adopt",
    ),
    (
        make_newer_database,
        "database.newer",
        "has schema version 99, this program supports 3; upgrade pipeline-db",
    ),
]


@pytest.fixture(autouse=True)
def sample(folder):
    """An input without faults."""
    Path("sample.txt").write_text("hello world\n", encoding="utf-8")


@pytest.mark.parametrize(("make", "code", "message"), DATABASES)
def test_an_unusable_database_is_refused(run_json, folder, snapshot, make, code, message):
    """Refused before job A has written anything."""
    make(folder / "x.db")
    before = snapshot()
    ended, printed = run_json("--db-path", "x.db", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    error = {"job": "B", "code": code, "message": f"{folder}/x.db: {message}", "retriable": False}
    assert (6, error) == (ended, run["error"])
    assert before == snapshot()


def test_a_database_without_its_tables_is_refused(run_json, folder):
    """Refused before job A has written anything; the same command works on a restored backup."""
    damage_database(folder / "x.db", 100, 4096)
    before = (folder / "x.db").read_bytes()
    ended, printed = run_json("--db-path", "x.db", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    text = f"{folder}/x.db: is damaged (database disk image is malformed); restore a backup"
    error = {"job": "B", "code": "corrupt.database", "message": text, "retriable": False}
    assert (7, error) == (ended, run["error"])
    assert "pipeline --db-path x.db run sample.txt" == run["continue_with"]
    assert before == (folder / "x.db").read_bytes()
    assert not (folder / "data").exists()


def test_a_damaged_database_is_reported(run_json, folder):
    """Job B finds the damage, and can start again from the document of job A on a restored backup."""
    damage_database(folder / "x.db", 4096, 8192)
    before = (folder / "x.db").read_bytes()
    ended, printed = run_json("--db-path", "x.db", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    text = f"{folder}/x.db: is damaged (database disk image is malformed); restore a backup"
    error = {"job": "B", "code": "corrupt.database", "message": text, "retriable": False}
    output = f"{folder}/data/output/sample_processed.json"
    assert (7, error) == (ended, run["error"])
    assert f"pipeline --db-path x.db run --start-from B {output}" == run["continue_with"]
    assert before == (folder / "x.db").read_bytes()


def test_prefect_refuses_them_with_the_same_messages(prefect_server, folder, snapshot, monkeypatch):
    found = []
    for make, *_ in DATABASES:
        make(folder / f"{make.__name__}.db")
    before = snapshot()
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    for make, *_ in DATABASES:
        result = PipelineRunner(db_path=f"{make.__name__}.db", log_level="OFF").run("sample.txt")
        found.append((result.engine, result.code, result.error))

    assert [
        ("prefect", code, f"{folder}/{make.__name__}.db: {message}") for make, code, message in DATABASES
    ] == found
    assert before == snapshot()


def test_an_output_folder_that_is_a_file_is_refused(run_json, folder, snapshot):
    (folder / "out").touch()
    before = snapshot()
    ended, printed = run_json("--output-dir", "out", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    text = f"{folder}/out/sample_processed.json: cannot be written: {folder}/out is not a folder"
    error = {"job": "A", "code": "output.not_a_folder", "message": text, "retriable": False}
    assert (5, error) == (ended, run["error"])
    assert before == snapshot()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--start-from", "Z"], "usage.unknown_job", "pipeline 'text' has no job 'Z'; there are A, B, C"),
        (["--stop-after", "c"], "usage.unknown_job", "pipeline 'text' has no job 'c'; did you mean 'C'?"),
        (
            ["--start-from", "C", "--stop-after", "B"],
            "usage.reversed_range",
            "job 'B' comes before 'C'; the order is A, B, C",
        ),
    ],
)
def test_an_impossible_range_is_refused(run_json, snapshot, words, code, message):
    before = snapshot()
    ended, printed = run_json("run", "sample.txt", *words, "--json")

    error = {"job": None, "code": code, "message": message, "retriable": False}
    assert (2, error, []) == (ended, printed["error"], printed["runs"])
    assert before == snapshot()


def test_an_id_that_looks_like_an_option_is_one(run_json, snapshot):
    """Unless it stands after `--`."""
    before = snapshot()
    ended, printed = run_json("run", "-1", "--start-from", "C", "--json")

    assert (2, "usage.option") == (ended, printed["error"]["code"])
    assert before == snapshot()


@pytest.fixture
def run_restricted():
    """A function that runs the command without root's right to read and write every file."""
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if without and not shutil.which("setpriv"):
        pytest.skip("root may read and write everything")

    def run(*words):
        done = subprocess.run([*without, "pipeline", *words, "--json"], stdout=subprocess.PIPE, check=False)
        return done.returncode, json.loads(done.stdout)["runs"][0]["error"]

    return run


FORBIDDEN = [
    ("sample.txt", 0o000, 3, "input.unreadable", "sample.txt: cannot be read: Permission denied"),
    ("x.db", 0o400, 6, "database.read_only", "x.db: cannot be written; name another file with --db-path"),
    ("out", 0o500, 5, "output.denied", "out/sample_processed.json: cannot be written: Permission denied"),
    ("folder", 0o500, 6, "database.unavailable", "folder/new.db: cannot be created in {folder}/folder"),
]


@pytest.mark.parametrize(("name", "mode", "exit_code", "code", "message"), FORBIDDEN)
def test_missing_permissions_are_reported(
    run_restricted, folder, snapshot, name, mode, exit_code, code, message
):
    """For files that cannot be read or written, and folders that cannot be written."""
    for each in ("out", "folder"):
        Path(each).mkdir()
    PipelineRunner(db_path="x.db", engine="local").run_from("B", ["one"])
    database = "folder/new.db" if name == "folder" else "x.db"
    (folder / name).chmod(mode)
    before = snapshot()
    ended, error = run_restricted("--output-dir", "out", "--db-path", database, "run-all", "sample.txt")
    after = snapshot()
    (folder / name).chmod(0o700)

    expected = f"{folder}/{message.format(folder=folder)}"
    assert (exit_code, code, expected) == (ended, error["code"], error["message"])
    assert before == after
