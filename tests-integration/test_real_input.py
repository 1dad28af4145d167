"""Real text files of this machine, many in one command, compared with a count by awk."""

import json
import sqlite3
import subprocess
import sysconfig
from contextlib import closing
from pathlib import Path

import pytest

STDLIB = Path(sysconfig.get_path("stdlib"))
FILES = {
    "the standard library": [*STDLIB.glob("*.py"), *STDLIB.glob("json/*.py")],
    "its tests of text": [*STDLIB.glob("test/*.txt"), *STDLIB.glob("test/encoded_modules/*.py")],
    "licences": [*Path("/usr/share/common-licenses").glob("*")],
    "word lists": [*Path("/usr/share/dict").glob("*")],
    "logs": [Path("/var/log/dpkg.log"), Path("/var/log/syslog")],
}


def is_text(file):
    """Whether a file is text: UTF-8 without a NUL character."""
    data = file.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def count_lines(files):
    """Count by awk the lines of each file that are not blank; files without any are left out."""
    program = (
        r'{ sub(/\r$/, "") } /[^ \t\f\v]/ { count[FILENAME]++ } END { for (f in count) print count[f], f }'
    )
    awk = ["awk", program, *map(str, files)]
    printed = subprocess.run(awk, env={"LC_ALL": "C"}, capture_output=True, check=True, text=True).stdout
    return {
        Path(name).as_uri(): int(count)
        for count, name in (line.split(" ", 1) for line in printed.splitlines())
    }


def count_records(database):
    """Count the finalized records of each source; sources without any are left out."""
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT source, count(*) FROM finalized_records GROUP BY source"))


@pytest.mark.parametrize("name", FILES)
def test_every_line_that_is_not_blank_is_a_record(pipeline, folder, name):
    """Text files are loaded to the last line; the others are refused, and do not stop the rest."""
    files = sorted({file.resolve() for file in FILES[name] if file.is_file()})
    if not files:
        pytest.skip(f"this system carries no {name}")
    text = [file for file in files if is_text(file)]

    done = pipeline("--log-level", "OFF", "run-all", *map(str, files), "--json")

    runs = json.loads(done.stdout)["runs"]
    refused = {run["input"]: run["error"]["code"] for run in runs if not run["success"]}
    assert count_lines(text) == count_records(folder / "data/pipeline.db")
    assert {str(file) for file in files} - {str(file) for file in text} == refused.keys()
    assert set(refused.values()) <= {"input.undecodable", "input.nul"}
    assert done.returncode == (3 if refused else 0)


def test_an_undecodable_file_is_refused_with_byte_and_line(pipeline, folder):
    """A file in another encoding loads after its encoding is named."""
    latin = folder / "latin.txt"
    latin.write_bytes("first\nna\u00efve\n".encode("latin-1"))

    refused = pipeline("--log-level", "OFF", "run-all", "latin.txt")
    loaded = pipeline("--log-level", "OFF", "run-all", "latin.txt", "--encoding", "latin-1")

    assert refused.returncode == 3
    assert "byte 8, line 2: not utf-8" in refused.stderr
    assert loaded.returncode == 0
    assert {latin.as_uri(): 2} == count_records(folder / "data/pipeline.db")
