"""Typed rows and rejects in a database, without a model: JSON objects as contents."""

import json

import msgspec
import pytest

from pipeline_db import RejectedRow
from pipeline_jobs import BatchError, Finalized, InputError, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.documents.rows import Reject, RejectKind, Row, RowChunk, Schema, Sums

A = Source("file:///a", "a")
SKIP = OnDuplicate.SKIP
SCHEMA = Schema("Order", "0123456789abcdef", ("id", "größe", "note"))
ROWS = [(2, [1, "12.50", None]), (4, [2, "0", 'a "b"\n']), (5, [2**70, "x\u2028", {"a": [True]}])]
REJECTS = [
    (3, Reject(RejectKind.TYPE, "id", "not a number", "x,1,", "A")),
    (9, Reject(RejectKind.COLUMNS, None, "two columns of three", 'a,"b\r\nc"\\x00', "A")),
]
SUMS = Sums(read=7, loaded=3, rejected=2, blank=1, dropped=1)


def make_chunks(store, rows=ROWS, rejects=REJECTS, size=2):
    """Return chunks as job B makes them: contents decoded to the type that the store asks for."""
    kind = store.get_row_type(SCHEMA)
    lines = [Row(n, content=content) for n, content in rows] + [Row(n, reject=r) for n, r in rejects]
    lines.sort(key=lambda row: row.line_number)
    for start in range(0, len(lines), size):
        canonical = msgspec.json.Encoder().encode_lines(lines[start : start + size])[:-1]
        decoded = msgspec.json.Decoder(Row[kind]).decode_lines(canonical)
        yield RowChunk(
            [row for row in decoded if row.reject is msgspec.UNSET],
            [row for row in decoded if row.reject is not msgspec.UNSET],
            canonical.replace(b"\n", b",\n"),
        )


def load(store, source=A, on_duplicate=SKIP, sums=SUMS, **options):
    return store.load_rows(source, SCHEMA, sums, make_chunks(store, **options), on_duplicate)


def test_a_column_may_have_any_name(store):
    names = ('a "b"', "c\\d", "e\nf", "größe\x7f")
    schema = Schema("row", "0123456789abcdef", names)
    contents = [msgspec.Raw(b"1"), msgspec.Raw(b'"x"'), msgspec.Raw(b"null"), msgspec.Raw(b"2.5")]
    chunk = RowChunk([Row(1, content=contents)], [], b"any")

    loaded = store.load_rows(A, schema, Sums(1, 1), [chunk], SKIP)

    (record,) = store.records(loaded.batch_id)
    assert dict(zip(names, [1, "x", None, 2.5], strict=True)) == json.loads(record.content)


@pytest.mark.parametrize("size", [1, 2, 99])
def test_rows_and_rejects_are_one_batch(store, size):
    loaded = load(store, size=size)

    assert Loaded(loaded.batch_id, 3, rejected=2) == loaded
    contents = [(record.line_number, json.loads(record.content)) for record in store.records(loaded.batch_id)]
    assert [(line, dict(zip(SCHEMA.columns, values, strict=True))) for line, values in ROWS] == contents
    expected = [RejectedRow(n, r.job, r.kind, r.column, r.reason, r.raw, None) for n, r in REJECTS]
    assert expected == list(store.rejects(loaded.batch_id))
    batch = store.batch(loaded.batch_id)
    assert ("processed_records", "Order", 3, 7, 2, 1, 1, "loaded") == (
        *(batch.target, batch.schema_name, batch.record_count, batch.read_count, batch.rejected_count),
        *(batch.blank_count, batch.dropped_count, batch.status),
    )
    assert Finalized(loaded.batch_id, 3, rejected=2) == store.finalize(loaded.batch_id)
    assert Finalized(loaded.batch_id, 3, already=True, rejected=2) == store.finalize(loaded.batch_id)


@pytest.mark.parametrize("size", [2, 99])
def test_the_same_rows_are_loaded_once(store, size):
    first = load(store, size=size)
    assert first._replace(resumed=True) == load(store, size=99)
    store.finalize(first.batch_id)

    assert first._replace(duplicate=True) == load(store, size=size)
    with pytest.raises(BatchError, match="holds these records already"):
        load(store, on_duplicate=OnDuplicate.ERROR, size=size)
    assert first.batch_id != load(store, on_duplicate=OnDuplicate.LOAD, size=size).batch_id


def test_a_change_of_a_reject_is_another_batch(store):
    first = load(store)

    assert first.batch_id != load(store, rejects=REJECTS[:1], sums=Sums(6, 3, 1, 1, 1)).batch_id


def test_a_document_may_have_no_row_that_fits(store):
    loaded = load(store, rows=[], sums=Sums(2, 0, 2))

    assert Finalized(loaded.batch_id, 0, rejected=2) == store.finalize(loaded.batch_id)


@pytest.mark.parametrize("size", [1, 99])
def test_an_error_after_the_rows_leaves_neither_rows_nor_rejects(store, ask, size):
    def chunks():
        yield from make_chunks(store, size=size)
        raise InputError("input.hash", "x")

    load(store, Source("file:///b", "b"))
    with pytest.raises(InputError):
        store.load_rows(A, SCHEMA, SUMS, chunks(), SKIP)

    assert [(3,)] == ask(store, "SELECT count(*) FROM processed_records")
    assert [(2,)] == ask(store, "SELECT count(*) FROM rejected_records")
    assert 1 == len(store.batches())


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("processed_records", "batch 1 holds 2 records, but 3 were loaded"),
        ("rejected_records", "batch 1 holds 1 rejects, but 2 were rejected"),
    ],
)
def test_a_batch_that_lost_a_row_or_a_reject_is_not_finalized(store, ask, table, text):
    load(store)
    ask(store, f"DELETE FROM {table} WHERE line_number = (SELECT min(line_number) FROM {table})")

    with pytest.raises(BatchError) as caught:
        store.finalize(1)

    assert ("batch.count_mismatch", f"{text}; another program changed it, restore a backup") == (
        caught.value.code,
        str(caught.value),
    )


def test_lines_have_no_rejects_and_no_sums(store):
    batch_id = store.load(A, [[Record(1, "x")]], SKIP).batch_id

    assert [] == list(store.rejects(batch_id))
    assert [None] * 4 == list(store.batch(batch_id)[-4:])


@pytest.mark.parametrize("read", ["batch", "rejects", "records"])
def test_an_unknown_batch_cannot_be_read(store, read):
    for _ in range(2):  # without and with a database
        with pytest.raises(BatchError, match="no batch with id 7"):
            list(getattr(store, read)(7))
        load(store)
