"""Real CSV files of this machine, loaded into tables, and each row compared with an independent account."""

import csv
import io
import sysconfig
from pathlib import Path

import pytest
from csv_sums import BOM, infer_columns, read_file, read_sums, split_rows, sum_rows
from hypothesis import given, settings
from hypothesis import strategies as st

INSTALLED = Path(sysconfig.get_path("purelib"))
SYSTEM = Path("/usr/share")
LARGEST = 1_000_000  # bytes of a file
FEWEST = 3  # files; fewer would prove little
DELIMITERS = {".tab": "\t", "": ":"}  # by suffix; of all others a comma

READER = "Csv(delimiter={delimiter!r}, header=False, names={names!r})"
CLASSES = {
    "msgspec": "from msgspec import Struct\n\n\nclass Real(Struct):",
    "pydantic": "from pydantic import BaseModel\n\n\nclass Real(BaseModel):",
    "dataclass": "from dataclasses import dataclass\n\n\n@dataclass\nclass Real:",
    "none": "class Unused:",
}
MODEL_TABLE = """
from peewee import BigIntegerField, DateField, DateTimeField, FloatField, TextField
from pipeline_db import BatchRecord
from pipeline_orchestration import table_pipeline


class RealRow(BatchRecord):
    {fields}

    class Meta:
        table_name = "real_rows"


pipeline = table_pipeline("real", reader=reader, record={record}, model=RealRow)
"""
NO_TABLE = """
from pipeline_jobs import JobA, JobB, JobC
from pipeline_orchestration import PipelineDefinition

pipeline = (
    PipelineDefinition("real")
    .add_job(
        "A", lambda run: JobA(run.output_dir, reader=reader, record={record}, max_rejects=run.max_rejects)
    )
    .add_job("B", lambda run: JobB(run.store))
    .add_job("C", lambda run: JobC(run.store))
)
"""
FIELDS = {
    "int": "BigIntegerField",
    "float": "FloatField",
    "date": "DateField",
    "datetime": "DateTimeField",
    "str": "TextField",
}
# The record class, and the table that the rows go to.
WAYS = [
    ("msgspec", "real_rows"),
    ("pydantic", "real_rows"),
    ("dataclass", "real_rows"),
    ("none", "real_rows"),
    ("msgspec", "processed_records"),
    ("pydantic", "processed_records"),
]
GOOD_LINES = (
    b"1,first,2026-01-02,0.5,2026-01-02T03:04:05\n",
    b'-20,"two ""quoted"" words, one comma",1999-12-28,-7,\r\n',
    b'"3","a line\r\nand a line\n\n",2026-01-02,,2026-01-02T03:04:05\r',
    "na\u00efve,".encode().join([b"4,", b"2026-01-02,1.25,2026-01-02T03:04:05\n"]),
)
LINES = (
    b"\n",
    b"\r\n",
    b" \t\r",
    b"5,too,few\n",
    b"6,too,many,columns,are,here\n",
    b",,,,\n",
    b'7,"quotes" in between,2026-01-02,1,\n',
    b'8,"quotes over\nlines" in between,2026-01-02,1,\n',
    b"9,nul\0,2026-01-02,1,\n",
    b"10,bad \xff\xc3 bytes,2026-01-02,1,\n",
    b"ten,text,2026-01-02,1,\n",
    b"11,text,yesterday,1,\n",
    b"12,text,2026-01-02,much,\n",
    b"13,text,2026-01-02,1,2026-01-02 later\n",
    b"1.5,text,2026-01-02,1,\n",
)


def get_delimiter(file):
    return DELIMITERS.get(file.suffix, ",")


def read_rows(file):
    return list(split_rows(read_file(file), ord(get_delimiter(file))))


def find_files():
    """Find files, one of each sort: with its columns, at least two, and with its kinds of rejects."""
    found = {file for pattern in ("*.csv", "*.csv.gz", "*.tab") for file in INSTALLED.rglob(pattern)}
    found |= {*SYSTEM.glob("distro-info/*.csv"), *SYSTEM.glob("zoneinfo/*.tab"), Path("/etc/passwd")}
    sorts = {}
    for file in sorted(file.resolve() for file in found if file.is_file()):
        rows = read_rows(file) if 0 < file.stat().st_size < LARGEST else []
        columns = infer_columns(rows) if rows else []
        if len(columns) > 1:
            kinds = frozenset(sum_rows(rows, columns).rejected.values())
            sorts.setdefault((*columns, kinds), file)
    return sorted(sorts.values())


def write_definition(path, kind, table, file, columns):
    """Write a definition with a kind of record class, whose columns are called a0, a1 and so on."""
    named = [(f"a{place}", column) for place, column in enumerate(columns)]
    hints = [f"{name}: {column.type}{' | None' * column.null}" for name, column in named]
    fields = [f"{name} = {FIELDS[column.type]}(null={column.null})" for name, column in named]
    names = tuple(name for name, _ in named)
    pipeline = MODEL_TABLE if table == "real_rows" else NO_TABLE
    parts = [
        "from datetime import date, datetime",
        "from pipeline_jobs import Csv",
        "\n    ".join([CLASSES[kind], *hints]),
        f"reader = {READER.format(delimiter=get_delimiter(file), names=names)}",
        pipeline.format(fields="\n    ".join(fields), record=None if kind == "none" else "Real"),
    ]
    path.write_text("\n".join(parts))


@pytest.fixture(params=WAYS, ids="-".join)
def check_file(request, pipeline, folder):
    """A function that loads a file in each way, and compares all rows with the account."""
    kind, table = request.param

    def check(file):
        rows = read_rows(file)
        columns = infer_columns(rows)
        expected = sum_rows(rows, columns)
        write_definition(folder / "real.py", kind, table, file, columns)
        database = folder / f"{file.name}.db"

        options = ("--log-level", "OFF", "--pipeline", "real.py:pipeline", "--db-path", str(database))
        done = pipeline(*options, "run-all", "--max-rejects", "100%", str(file))

        assert done.returncode == 0, (file, done.stderr)
        found, said = read_sums(database, file.as_uri(), table)
        assert (expected.loaded, expected.rejected) == (found.loaded, found.rejected), file
        assert said == {
            "read": expected.read,
            "loaded": len(expected.loaded),
            "rejected": len(expected.rejected),
            "blank": len(expected.blank),
            "dropped": 0,
        }, file

    return check


def test_rows_of_real_files_are_loaded_or_rejected_as_an_independent_account_says(check_file):
    """Read, loaded, rejected, blank and dropped rows add up, and the rejects have the lines and kinds due."""
    files = find_files()
    if len(files) < FEWEST:
        pytest.skip(f"this machine has only {len(files)} CSV files of others: {FEWEST} are needed")

    for file in files:
        check_file(file)


def test_rows_of_every_kind_are_loaded_or_rejected_as_an_independent_account_says(check_file, folder):
    every = folder / "every.csv"
    every.write_bytes(b"".join([BOM, *LINES * 7, *GOOD_LINES * 50]))
    kinds = sum_rows(read_rows(every), infer_columns(read_rows(every)))
    assert {"nul", "undecodable", "columns", "type"} == set(kinds.rejected.values())
    assert kinds.blank

    check_file(every)


def split_by_csv(text):
    """Yield the first line and the values of each row; None for one that the module refuses."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    first = 1
    while True:
        try:
            yield first, next(reader)
        except csv.Error:
            yield first, None
        except StopIteration:
            return
        first = reader.line_num + 1


@settings(settings.get_profile("laws"))
@given(st.text(alphabet='ab",\n\r', max_size=20))
def test_the_independent_account_splits_rows_as_the_module_csv_does(text):
    """If not, a difference would not tell which of the two is wrong."""
    try:
        rows = [
            (row.line_number, None if row.values is None else [value.decode() for value in row.values])
            for row in split_rows(text.encode())
        ]
    except ValueError:
        return

    assert list(split_by_csv(text)) == rows
