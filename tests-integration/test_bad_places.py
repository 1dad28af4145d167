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


def a_folder(path):
    path.mkdir()


def a_text(path):
    path.write_text("a text, long enough to be looked at by SQLite as the header of a database is\n" * 9)


def foreign(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE customers (id)")


def newer(path):
    PipelineRunner(db_path=path, engine="local").run_from("B", ["one"])
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def damaged(path):
    PipelineRunner(db_path=path, engine="local").run_from("B", [f"{n}" for n in range(9999)])
    data = bytearray(path.read_bytes())
    data[100:4096] = bytes(3996)
    path.write_bytes(data)


DATABASES = [
    (a_folder, "database.not_a_file", "is a folder; name a file with --db-path"),
    (
        a_text,
        "database.not_a_database",
        "it is no SQLite database; name another with --db-path (file is not a database)",
    ),
    (foreign, "database.foreign", "a database of another program; name another file with --db-path"),
    (newer, "database.newer", "has schema version 99, this program knows 2; upgrade pipeline-db"),
]


@pytest.fixture(autouse=True)
def sample(folder):
    """The input is not to blame."""
    Path("sample.txt").write_text("hello world\n", encoding="utf-8")


@pytest.mark.parametrize(("make", "code", "message"), DATABASES)
def test_a_database_that_cannot_be_used(document, folder, everything, make, code, message):
    """Refused before job A has written anything."""
    make(folder / "x.db")
    before = everything()
    ended, printed = document("--db-path", "x.db", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    error = {"job": "B", "code": code, "message": f"{folder}/x.db: {message}", "retriable": False}
    assert (6, error) == (ended, run["error"])
    assert before == everything()


def test_a_damaged_database(document, folder):
    """What is damaged inside is found when B comes to it; B can go on from what A wrote, in a backup."""
    damaged(folder / "x.db")
    before = (folder / "x.db").read_bytes()
    ended, printed = document("--db-path", "x.db", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    text = f"{folder}/x.db: is damaged (database disk image is malformed); restore a backup"
    error = {"job": "B", "code": "corrupt.database", "message": text, "retriable": False}
    output = f"{folder}/data/output/sample_processed.json"
    assert (7, error) == (ended, run["error"])
    assert f"pipeline --db-path x.db run --start-from B {output}" == run["continue_with"]
    assert before == (folder / "x.db").read_bytes()


def test_prefect_refuses_them_with_the_same_words(prefect_server, folder, everything, monkeypatch):
    said = []
    for make, *_ in DATABASES:
        make(folder / f"{make.__name__}.db")
    before = everything()
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    for make, *_ in DATABASES:
        result = PipelineRunner(db_path=f"{make.__name__}.db", log_level="OFF").run("sample.txt")
        said.append((result.engine, result.code, result.error))

    assert [
        ("prefect", code, f"{folder}/{make.__name__}.db: {message}") for make, code, message in DATABASES
    ] == said
    assert before == everything()


def test_an_output_folder_that_is_none(document, folder, everything):
    (folder / "out").touch()
    before = everything()
    ended, printed = document("--output-dir", "out", "run-all", "sample.txt", "--json")

    (run,) = printed["runs"]
    text = f"{folder}/out/sample_processed.json: cannot be written: {folder}/out is no folder"
    error = {"job": "A", "code": "output.not_a_folder", "message": text, "retriable": False}
    assert (5, error) == (ended, run["error"])
    assert before == everything()


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
def test_a_range_that_makes_no_sense(document, everything, words, code, message):
    before = everything()
    ended, printed = document("run", "sample.txt", *words, "--json")

    error = {"job": None, "code": code, "message": message, "retriable": False}
    assert (2, error, []) == (ended, printed["error"], printed["runs"])
    assert before == everything()


def test_an_id_that_looks_like_an_option(document, everything):
    """It is one, until `--` says that no more follow."""
    before = everything()
    ended, printed = document("run", "-1", "--start-from", "C", "--json")

    assert (2, "usage.option") == (ended, printed["error"]["code"])
    assert before == everything()


@pytest.fixture
def restricted():
    """Runs the command without the right to read and write whatever there is, which root has."""
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if without and not shutil.which("setpriv"):
        pytest.skip("root may read and write everything")

    def run(*words):
        done = subprocess.run([*without, "pipeline", *words, "--json"], stdout=subprocess.PIPE, check=False)
        return done.returncode, json.loads(done.stdout)["runs"][0]["error"]

    return run


FORBIDDEN = [
    ("sample.txt", 0o000, 3, "input.unreadable", "sample.txt: cannot be read: Permission denied"),
    ("x.db", 0o400, 6, "database.read_only", "x.db: cannot be written; name another with --db-path"),
    ("out", 0o500, 5, "output.denied", "out/sample_processed.json: cannot be written: Permission denied"),
    ("folder", 0o500, 6, "database.unavailable", "folder/new.db: cannot be made in {folder}/folder"),
]


@pytest.mark.parametrize(("name", "mode", "exit_code", "code", "message"), FORBIDDEN)
def test_what_the_system_forbids(restricted, folder, everything, name, mode, exit_code, code, message):
    """Read-only files and folders, and files that cannot be read."""
    for each in ("out", "folder"):
        Path(each).mkdir()
    PipelineRunner(db_path="x.db", engine="local").run_from("B", ["one"])
    database = "folder/new.db" if name == "folder" else "x.db"
    (folder / name).chmod(mode)
    before = everything()
    ended, error = restricted("--output-dir", "out", "--db-path", database, "run-all", "sample.txt")
    after = everything()
    (folder / name).chmod(0o700)

    expected = f"{folder}/{message.format(folder=folder)}"
    assert (exit_code, code, expected) == (ended, error["code"], error["message"])
    assert before == after
