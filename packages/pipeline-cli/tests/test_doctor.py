"""`pipeline doctor`: the whole of what it says, of everything in order and of all that may be wrong."""

import os
import platform
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline_cli.doctor import worst
from pipeline_db import durability
from pipeline_jobs import Finding, PipelineError

ODD = os.fsdecode(b"a\x1b[31m\r\n\t\x7f\xff\xc2\x9b")
ESCAPED = r"a\x1b[31m\r\n\t\x7f\xff\x9b"


@pytest.fixture
def local(folder, monkeypatch):
    """The current folder, on a file system that is known to be local."""
    device = folder.stat().st_dev
    mounts = folder.parent / "mountinfo"
    mounts.write_text(f"22 1 {os.major(device)}:{os.minor(device)} / / rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(durability, "_MOUNTS", mounts)
    return folder


def stable(text):
    """Return what was printed, without what differs from one machine to the next."""
    varying = r"^(ok +(?:Python|packages|libraries|SQLite|journal|Prefect) {2,}).*"
    text = re.sub(varying, r"\1…", text, flags=re.MULTILINE)
    return re.sub(r"[\d,]+ bytes", "# bytes", text)


def test_everything_is_in_order(pipeline, local):
    done = pipeline("doctor")

    assert (0, "") == (done.code, done.err)
    assert f"""\
ok  Python         …
ok  packages       …
ok  libraries      …
ok  settings       the defaults
ok  output folder  {local}/data/output: none yet, the first run makes it
ok  SQLite         …
ok  database       {local}/data/pipeline.db: none yet, the first load makes it
ok  file system    ext4, local
ok  journal        …
ok  Prefect        …
ok  engine         local: no Prefect API is configured
11 findings: 11 ok, 0 worth a thought, 0 to mend
""" == stable(done.out)
    assert ["sample.txt"] == sorted(path.name for path in local.iterdir() if path.name != ".prefect")


def test_versions_are_told(pipeline, local):
    lines = pipeline("doctor").out.splitlines()

    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    assert f"ok  Python         {python}, on {platform.system()} {platform.machine()}" == lines[0]
    ours = ("pipeline-cli", "pipeline-orchestration", "pipeline-db", "pipeline-jobs")
    assert f"ok  packages       {', '.join(f'{name} {version(name)}' for name in ours)}" == lines[1]
    assert f"ok  Prefect        {version('prefect')}" == lines[9]


def test_hints_are_no_failure(pipeline, local):
    """A file that others may read, and a batch that is not finalized."""
    pipeline("run", "sample.txt", "--stop-after", "B")
    (local / "data/pipeline.db").chmod(0o644)

    done = pipeline("doctor")

    assert (0, "") == (done.code, done.err)
    assert (
        f"""\
ok    output folder    {local}/data/output
ok    temporary files  none left
ok    SQLite           …
ok    database         {local}/data/pipeline.db, # bytes
ok    file system      ext4, local
ok    journal          …
hint  file mode        0644
                       others than its owner may use it; chmod 600 keeps them out
ok    schema           version 2, that of this release
ok    integrity        SQLite finds no damage, and a batch for every record
hint  batches          0 finalized, 1 unfinished: 1
                       the command that loaded one goes on, or: pipeline run 1 --start-from C
ok    Prefect          …
ok    engine           local: no Prefect API is configured
16 findings: 14 ok, 2 worth a thought, 0 to mend
""".splitlines()
        == stable(done.out).splitlines()[4:]
    )


def test_problems_are_marked_and_the_worst_decides(pipeline, local, monkeypatch):
    """Each is told, a line of it never broken where no terminal is; nothing in it can steer one."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secret@[::1/api")
    (local / ODD).write_text("no database" * 100)

    done = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor")

    url = "http://[::1/api"
    folder = f"{local}/sample.txt: cannot be written: {local}/sample.txt is no folder [output.not_a_folder]"
    database = f"{local}/{ESCAPED}: it is no SQLite database; name another with --db-path "
    database += "(file is not a database) [database.not_a_database]"
    api = f"{url}: is no URL that can be asked, or that of a proxy is not; correct it, or use --engine local "
    api += "[orchestration.unreachable]"
    assert (6, "") == (done.code, done.err)
    expected = f"""\
ok       settings       output_dir (argument), db_path (argument)
problem  output folder  {local}/sample.txt
                        {folder}
ok       SQLite         …
ok       database       {local}/{ESCAPED}, # bytes
ok       file system    ext4, local
ok       journal        …
hint     file mode      0644
                        others than its owner may use it; chmod 600 keeps them out
problem  contents       cannot be read
                        {database}
ok       Prefect        …
ok       engine         prefect: environment variable PREFECT_API_URL names the API {url}
problem  Prefect API    {url}
                        {api}
14 findings: 10 ok, 1 worth a thought, 3 to mend
"""
    assert expected.splitlines() == stable(done.out).splitlines()[3:]


def test_the_document_has_all_of_it(pipeline, local):
    done = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor", "--json")

    assert (5, "") == (done.code, done.err)
    document = done.document
    findings = document.pop("findings")
    assert {"success": False, "worst": "output.not_a_folder"} == document
    text = f"{local}/sample.txt: cannot be written: {local}/sample.txt is no folder"
    assert {
        "what": "output folder",
        "found": f"{local}/sample.txt",
        "hint": None,
        "error": {"code": "output.not_a_folder", "message": text, "retriable": False},
    } == findings[4]
    assert {
        "what": "database",
        "found": f"{local}/{ESCAPED}: none yet, the first load makes it",
        "hint": None,
        "error": None,
    } == findings[6]
    table = pipeline("--output-dir", "sample.txt", "--db-path", ODD, "doctor").out
    assert all(each["found"] in table for each in findings)


def test_the_document_of_everything_in_order(pipeline, local):
    done = pipeline("doctor", "--json")

    assert (0, True, None) == (done.code, done.document["success"], done.document["worst"])


@pytest.mark.parametrize(
    ("made", "options", "code", "worst"),
    [
        (lambda path: path.mkdir(), [], 6, "database.not_a_file"),
        (lambda path: path.write_text("short"), [], 6, "database.not_a_database"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), [], 7, "corrupt.database"),
        (lambda path: ask(path, "PRAGMA user_version = 99"), [], 6, "database.newer"),
        (lambda path: ask(path, "PRAGMA application_id = 99"), [], 6, "database.foreign"),
        (lambda path: None, ["--output-dir", "sample.txt/below"], 5, "output.not_a_folder"),
        (lambda path: None, ["--output-dir", "~nobody/x"], None, None),
        (lambda path: Path("prefect.toml").write_text("["), [], 8, "orchestration.settings"),
        (lambda path: Path("pipeline.toml").write_text("["), [], 2, "usage.setting"),
        (lambda path: Path("pipeline.toml").write_text("x = 1"), [], 2, "usage.setting"),
    ],
)
def test_whatever_is_there_is_survived(pipeline, local, made, options, code, worst):
    """Never a traceback, and a code for each."""
    path = local / "data/pipeline.db"
    pipeline("run-all", "sample.txt")
    if code and "database.not" in worst:
        path.unlink()
    made(path)

    done = pipeline(*options, "doctor", "--json")

    assert (code or 0, worst, "") == (done.code, done.document["worst"], done.err)


def ask(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], None),
        (["usage.setting"], "usage.setting"),
        (["usage.setting", "orchestration.settings"], "orchestration.settings"),
        (["orchestration.settings", "output.denied"], "output.denied"),
        (["output.denied", "database.busy", "output.failed"], "database.busy"),
        (["database.busy", "corrupt.database"], "corrupt.database"),
        (["database.newer", "database.busy"], "database.newer"),
    ],
)
def test_the_worst_is_lost_data_and_then_what_no_run_can_do_without(codes, expected):
    findings = [Finding("x", "y"), Finding("x", "y", hint="z")]
    findings += [Finding("x", "y", PipelineError(code, "z")) for code in codes]

    assert expected == worst(findings)


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_has_colours_and_lines_of_its_width(folder, monkeypatch, width):
    """Elsewhere there are neither."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    ours, theirs = pty.openpty()
    command = ["pipeline", "--output-dir", f"sample.txt/{100 * 'x'}", "doctor"]
    with os.fdopen(theirs, "wb") as end:
        started = subprocess.Popen(command, stdout=end, stderr=end)
    printed = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # as Linux ends it
        while chunk := terminal.read(65536):
            printed += chunk
    assert 5 == started.wait()
    text = printed.decode()

    assert "\x1b[32mok" in text
    assert "\x1b[1;31mproblem" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert width - 2 < max(len(line.rstrip("\r")) for line in plain.split("\n")) <= width
    assert "[output.not_a_folder]" in plain
