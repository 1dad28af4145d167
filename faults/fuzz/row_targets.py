"""Fuzz targets for typed rows: files of rows, and documents that carry them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from sweep import require

from pipeline_jobs import Csv, InputError, JobA, JsonLines
from pipeline_jobs.documents import pieces
from pipeline_jobs.documents.row_reader import find_row_document
from pipeline_jobs.documents.rows import Row, get_reject
from pipeline_jobs.documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from pipeline_jobs.storage import content
from pipeline_jobs.storage.input import LocalInput

from .reference import RefusedError, parse_json

_NAMES = ("id", "name", "amount", "at", "note")
_READERS: Sequence[Csv | JsonLines] = [
    Csv(),
    Csv(";", "'", names=_NAMES, header=False, null_values=()),
    Csv("\t", None, escapechar="\\", unknown="ignore"),
    Csv(skip_rows=1, escapechar="\\", doublequote=False),
    JsonLines(),
    JsonLines(unknown="ignore"),
]
_ENCODINGS = ["utf-8", "utf-8", "utf-8", "utf-16", "latin-1", "shift_jis"]
_BLOCKS = [1, 2, 3, 7, 64]
_LIMITS = [16, DEFAULT_MAX_RECORD_BYTES]
_REFUSALS = {"input.columns", "input.csv", "input.rejects", "input.record_size", "input.undecodable"}


class _Item(msgspec.Struct):
    id: int
    name: str
    amount: Decimal | None = None
    at: datetime | None = None
    note: str | None = None


_ROW_TYPES: Sequence[Any] = [
    tuple[int, str, Decimal | None, datetime | None, str | None],
    tuple[msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw],
]
_HEAD = (
    b'{"format":"pipeline-records","version":2,\n"source":{"uri":"file:///x","name":"x"},\n'
    b'"schema":{"name":"Item","fingerprint":"0123456789abcdef",'
    b'"columns":["id","name","amount","at","note"]},\n"records":[\n'
)


def fuzz_rows(folder: Path, data: bytes) -> None:
    """Read a file of rows: they add up and are the same for every block size, or are refused."""
    choice, sizes, data = (data[0], data[1], data[2:]) if data[1:] else (0, 0, data)
    options = {
        "encoding": _ENCODINGS[choice // 16 % len(_ENCODINGS)],
        "max_record_bytes": _LIMITS[sizes % len(_LIMITS)],
        "reader": _READERS[choice % len(_READERS)],
        "record": None if choice // 8 % 2 else _Item,
        "max_rejects": "100%",
    }
    path = folder / "x.csv"
    path.write_bytes(data)
    whole = _read_or_refuse(folder, path, 1 << 20, options)
    in_blocks = _read_or_refuse(folder, path, _BLOCKS[sizes // 2 % len(_BLOCKS)], options)
    path.unlink()
    # Of a line beyond the limit only the start is held, in small blocks. If its quotes are wrong too, nobody
    # can tell whether the next line still belongs to it.
    if options["max_record_bytes"] == DEFAULT_MAX_RECORD_BYTES or not {*b"\"'"} & {*data}:
        require(whole == in_blocks, options, whole, in_blocks)


def _read_or_refuse(
    folder: Path, path: Path, block: int, options: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    with patch.object(content, "BLOCK", block):
        result = JobA(folder / "out", **options).execute(path)
    if not result.success:
        require(result.code in _REFUSALS and str(result.error).isprintable(), result.code, result.error)
        require(not list(folder.glob("out/*")), "something is left")
        return None
    written = Path(str(result.unwrap()))
    text = written.read_bytes()
    written.unlink()
    written.parent.rmdir()
    document = json.loads(text)
    records: list[dict[str, Any]] = document["records"]
    rejected = sum("reject" in record for record in records)
    require((document["record_count"], document["rejected"]) == (len(records) - rejected, rejected), text)
    require(document["read"] == len(records) + document["blank"], text)
    require(all("\0" not in str(record) for record in records), text)
    return [*records, {"blank": document["blank"]}]


def fuzz_row_document(folder: Path, data: bytes) -> None:
    """Read typed rows from a document: those that JSON says, or a refusal.

    Half of the documents are records only: head, sums and hash are made to fit.
    """
    choice, data = (data[0], data[1:]) if data else (0, data)
    rows = data if choice % 2 else None
    path = folder / "x.json"
    path.write_bytes(data if rows is None else _complete(rows))
    try:
        with (
            patch.object(pieces, "BLOCK", [3, 7, 64, 1 << 20][choice // 2 % 4]),
            LocalInput(path) as file,
        ):
            document = find_row_document(file, DEFAULT_MAX_RECORD_BYTES)
            found = [
                row
                for chunk in (document.read(_ROW_TYPES[choice // 8 % 2]) if document else ())
                for row in sorted([*chunk.rows, *chunk.rejects], key=lambda row: row.line_number)
            ]
    except InputError as error:
        require(str(error).isprintable(), str(error))
        return
    finally:
        path.unlink()
    if document is None:
        return
    require(document.sums.add_up, document.sums)
    if rows is not None:
        _check_rows(found, json.loads(b"[%b]" % rows))


def _complete(records: bytes) -> bytes:
    """Return a document with these records, whose end is as they need it."""
    loaded = rejected = 0
    with suppress(RefusedError, TypeError):
        rows = parse_json(b"[%b]" % records)
        if isinstance(rows, list):
            rejected = sum("reject" in row for row in rows)
            loaded = len(rows) - rejected
    counts = b'"read":%d,"record_count":%d,"rejected":%d,"blank":1,"dropped":2' % (
        loaded + rejected + 3,
        loaded,
        rejected,
    )
    end = b"\n],\n" if records else b"],\n"
    digest = hashlib.sha256(records).hexdigest().encode()
    return b'%b%b%b%b,"records_sha256":"%b"}\n' % (_HEAD, records, end, counts, digest)


def _check_rows(found: Sequence[Row[Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    """Compare rows with those that another parser reads."""
    require(len(found) == len(rows), found, rows)
    last = 0
    for row, expected in zip(found, rows, strict=True):
        require(last < row.line_number == expected["line_number"], rows)
        last = row.line_number
        if "reject" in expected:
            require(set(expected) == {"line_number", "reject"}, expected)
            wanted = {"job": ""} | expected["reject"]
            require(msgspec.to_builtins(get_reject(row)) == wanted, row, wanted)
        else:
            require(set(expected) == {"line_number", "content"}, expected)
            require(len(expected["content"]) == len(_NAMES), expected)
            values: Any = row.content
            name = values[1]
            name = json.loads(bytes(name)) if isinstance(name, msgspec.Raw) else name
            require(name == expected["content"][1], row)
