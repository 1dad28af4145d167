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

DEFINITION = """
from dataclasses import dataclass
from datetime import date, datetime
from msgspec import Struct
from peewee import BigIntegerField, DateField, DateTimeField, FloatField, TextField
from pipeline_db import BatchRecord
from pipeline_jobs import Csv
from pipeline_orchestration import table_pipeline
from pydantic import BaseModel


{record}


class RealRow(BatchRecord):
    {model}

    class Meta:
        table_name = "real_rows"


reader = Csv(delimiter={delimiter!r}, header=False, names={names!r})
pipeline = table_pipeline("real", reader=reader, record={class_name}, model=RealRow)
"""
FIELDS = {
    "int": "BigIntegerField",
    "float": "FloatField",
    "date": "DateField",
    "datetime": "DateTimeField",
    "str": "TextField",
}
RECORDS = {
    "msgspec": "class Real(Struct):",
    "pydantic": "class Real(BaseModel):",
    "dataclass": "@dataclass\nclass Real:",
    "none": "class Unused:",
}
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


def write_definition(folder, kind, file, columns):
    """Write a definition whose record class is of a kind, and whose columns are called a0, a1 and so on."""
    names = [f"a{place}" for place in range(len(columns))]
    lines = [
        f"{name}: {column.type}{' | None' * column.null}" for name, column in zip(names, columns, strict=True)
    ]
    fields = [
        f"{name} = {FIELDS[column.type]}(null={column.null})"
        for name, column in zip(names, columns, strict=True)
    ]
    definition = DEFINITION.format(
        record="\n    ".join([RECORDS[kind], *lines]),
        model="\n    ".join(fields),
        delimiter=get_delimiter(file),
        names=tuple(names),
        class_name=None if kind == "none" else "Real",
    )
    (folder / "real.py").write_text(definition)


@pytest.fixture(params=RECORDS)
def check_file(request, pipeline, folder):
    """A function that loads a file by each kind of record class, and compares all rows with the account."""

    def check(file):
        rows = read_rows(file)
        columns = infer_columns(rows)
        expected = sum_rows(rows, columns)
        write_definition(folder, request.param, file, columns)
        database = folder / f"{file.name}.db"

        options = ("--pipeline", "real.py:pipeline", "--db-path", str(database), "--max-rejects", "100%")
        done = pipeline("--log-level", "OFF", *options, "run-all", str(file))

        assert done.returncode == 0, (file, done.stderr)
        found, said = read_sums(database, file.as_uri(), "real_rows")
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
