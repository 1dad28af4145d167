"""`pipeline doctor`: its whole output, for an installation in order and for everything that may be wrong."""

import os
import platform
import re
import sqlite3
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline_db.sqlite import journal

ODD = os.fsdecode(b"a\x1b[31m\r\n\t\x7f\xff\xc2\x9b")
ESCAPED = r"a\x1b[31m\r\n\t\x7f\xff\x9b"


@pytest.fixture
def local(folder, monkeypatch):
    """The current folder, which counts as being on a local file system."""
    device = folder.stat().st_dev
    mounts = folder.parent / "mountinfo"
    mounts.write_text(f"22 1 {os.major(device)}:{os.minor(device)} / / rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(journal, "_MOUNTS", mounts)
    return folder


def mask_machine(text):
    """Return an output without the parts that differ between machines."""
    varying = r"^(ok +(?:Python|packages|libraries|SQLite|journal|Prefect) {2,}).*"
    text = re.sub(varying, r"\1…", text, flags=re.MULTILINE)
    return re.sub(r"[\d,]+ bytes", "# bytes", text)


def test_an_installation_in_order_has_only_ok(pipeline, local):
    done = pipeline("doctor")

    assert (0, "") == (done.code, done.err)
    assert f"""\
ok  Python         …
ok  packages       …
ok  libraries      …
ok  settings       the defaults
ok  output folder  {local}/data/output: none yet, the first run makes it
ok  SQLite         …
ok  database       {local}/data/pipeline.db: none yet, created by the first load
ok  file system    ext4, local
ok  journal        …
ok  Prefect        …
ok  engine         local: no Prefect API is configured
11 findings: 11 ok, 0 warnings, 0 errors
""" == mask_machine(done.out)
    assert ["sample.txt"] == sorted(path.name for path in local.iterdir() if path.name != ".prefect")


def test_versions_of_python_and_packages_are_printed(pipeline, local):
    lines = pipeline("doctor").out.splitlines()

    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    assert f"ok  Python         {python}, on {platform.system()} {platform.machine()}" == lines[0]
    ours = ("pipeline-cli", "pipeline-orchestration", "pipeline-db", "pipeline-jobs")
    assert f"ok  packages       {', '.join(f'{name} {version(name)}' for name in ours)}" == lines[1]
    assert f"ok  Prefect        {version('prefect')}" == lines[9]


def test_warnings_do_not_change_the_exit_code(pipeline, local):
    """Such as a database file that others may read, and an unfinished batch."""
    pipeline("run", "sample.txt", "--stop-after", "B")
    (local / "data/pipeline.db").chmod(0o644)

    done = pipeline("doctor")

    assert (0, "") == (done.code, done.err)
    assert (
        f"""\
ok       output folder    {local}/data/output
ok       temporary files  none left
ok       SQLite           …
ok       database         {local}/data/pipeline.db, # bytes
ok       file system      ext4, local
ok       journal          …
warning  file mode        0644
                          other users can access it; chmod 600 restricts it to its owner
ok       schema           version 3, current
ok       integrity        no damage found, and every record has its batch
warning  batches          0 finalized, 1 unfinished: 1
                          repeat the command that loaded it, or: pipeline run --start-from C 1
ok       Prefect          …
ok       engine           local: no Prefect API is configured
16 findings: 14 ok, 2 warnings, 0 errors
""".splitlines()
        == mask_machine(done.out).splitlines()[4:]
    )


def test_the_worst_error_gives_the_exit_code(pipeline, local, monkeypatch):
    """All are printed and escaped; without a terminal no line is wrapped."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secret@[::1/api")
    (local / ODD).write_text("no database" * 100)

    done = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor")

    url = "http://[::1/api"
    folder = (
        f"{local}/sample.txt: cannot be written: {local}/sample.txt is not a folder [output.not_a_folder]"
    )
    database = f"{local}/{ESCAPED}: is not a SQLite database; name another file with --db-path "
    database += "(file is not a database) [database.not_a_database]"
    api = f"{url}: the URL of the API or of a proxy is invalid; correct it, or use --engine local "
    api += "[orchestration.unreachable]"
    assert (6, "") == (done.code, done.err)
    expected = f"""\
ok       settings       output_dir (argument), db_path (argument)
error    output folder  {local}/sample.txt
                        {folder}
ok       SQLite         …
ok       database       {local}/{ESCAPED}, # bytes
ok       file system    ext4, local
ok       journal        …
warning  file mode      0644
                        other users can access it; chmod 600 restricts it to its owner
error    contents       cannot be read
                        {database}
ok       Prefect        …
ok       engine         prefect: environment variable PREFECT_API_URL names the API {url}
error    Prefect API    {url}
                        {api}
14 findings: 10 ok, 1 warning, 3 errors
"""
    assert expected.splitlines() == mask_machine(done.out).splitlines()[3:]


def test_json_holds_all_findings(pipeline, local):
    done = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor", "--json")

    assert (5, "") == (done.code, done.err)
    document = done.document
    findings = document.pop("findings")
    assert {"success": False, "worst": "output.not_a_folder"} == document
    text = f"{local}/sample.txt: cannot be written: {local}/sample.txt is not a folder"
    assert {
        "what": "output folder",
        "found": f"{local}/sample.txt",
        "hint": None,
        "error": {"code": "output.not_a_folder", "message": text, "retriable": False},
    } == findings[4]
    assert {
        "what": "database",
        "found": f"{local}/{ESCAPED}: none yet, created by the first load",
        "hint": None,
        "error": None,
    } == findings[6]
    table = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor").out
    assert all(each["found"] in table for each in findings)


def test_json_of_an_installation_in_order(pipeline, local):
    done = pipeline("doctor", "--json")

    assert (0, True, None) == (done.code, done.document["success"], done.document["worst"])


@pytest.mark.parametrize(
    ("break_it", "options", "code", "worst"),
    [
        (lambda path: path.mkdir(), [], 6, "database.not_a_file"),
        (lambda path: path.write_text("short"), [], 6, "database.not_a_database"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), [], 7, "corrupt.database"),
        (lambda path: execute(path, "PRAGMA user_version = 99"), [], 6, "database.newer"),
        (lambda path: execute(path, "PRAGMA application_id = 99"), [], 6, "database.foreign"),
        (lambda path: None, ["--output-dir", "sample.txt/below"], 5, "output.not_a_folder"),
        (lambda path: None, ["--output-dir", "~nobody/x"], None, None),
        (lambda path: Path("prefect.toml").write_text("["), [], 8, "orchestration.settings"),
        (lambda path: Path("pipeline.toml").write_text("["), [], 2, "usage.setting"),
        (lambda path: Path("pipeline.toml").write_text("x = 1"), [], 2, "usage.setting"),
    ],
)
def test_broken_files_are_errors_with_a_code(pipeline, local, break_it, options, code, worst):
    """Whatever is there, doctor prints no traceback."""
    path = local / "data/pipeline.db"
    pipeline("run-all", "sample.txt")
    if code and "database.not" in worst:
        path.unlink()
    break_it(path)

    done = pipeline(*options, "doctor", "--json")

    assert (code or 0, worst, "") == (done.code, done.document["worst"], done.err)


def execute(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_gets_colours_and_lines_of_its_width(folder, terminal, width):
    options = ["--output-dir", f"sample.txt/{100 * 'x'}"]

    code, received = terminal("pipeline", *options, "doctor", columns=width)

    assert 5 == code
    assert "\x1b[32mok" in received
    assert "\x1b[1;31merror" in received
    plain = re.sub(r"\x1b\[[\d;]*m", "", received)
    assert width - 2 < max(len(line.rstrip("\r")) for line in plain.split("\n")) <= width
    assert "[output.not_a_folder]" in plain
