"""Any table and any bytes, as typed rows through A, B and C: they come back, are rejected, or refused."""

import csv
import hashlib
import io
import json
import re
import sqlite3
from contextlib import closing
from functools import cache

import msgspec
from csv_sums import Column, split_rows, sum_rows
from fuzz.example_budget import limit_examples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from peewee import TextField
from test_laws import BLOCKS, BROKEN, PIECES

from pipeline_db import BatchRecord, PeeweeStore
from pipeline_jobs import Csv, JobA, JobB, JobC, JsonLines

NAMES = ["a", "b", "c"]
MARKS = st.sampled_from(",;\t|: 'é") | st.characters(exclude_characters="\0\r\n\ufeff", codec="utf-8")
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    st.lists(st.sampled_from([piece for piece in PIECES if piece != "\0"] + [",", ";", "'"])).map("".join),
)
CSV_PIECES = [b",", b'"', b'""', b"\n", b"\r\n", b"\r", b"a,b,c\n", b'"x\ny",', b" ", b"1", b"\0"]
CSV_BYTES = st.lists(st.sampled_from(CSV_PIECES + CSV_PIECES + [each.encode() for each in PIECES] + BROKEN))
JSON_PIECES = [b'{"a":', b'"x"', b"1", b"null", b"}", b"{}", b"[", b"]", b",", b'"b":', b'"c":"', b'"', b"\\"]
JSON_PIECES += [
    b"\n",
    b"\r\n",
    b'{"a":"1","b":null,"c":"\\u0000"}\n',
    b'{"a":"1","b":"2"}\n',
    b"\\ud800",
    b"1e999",
]
JSON_BYTES = st.lists(st.sampled_from(JSON_PIECES) | st.sampled_from([*map(str.encode, PIECES), *BROKEN]))
# Refusals of a file as a whole.
REFUSALS = {"input.columns", "input.csv", "input.rejects", "input.record_size", "input.undecodable"}


class Texts(msgspec.Struct):
    """Three texts, each of which may be missing."""

    a: str | None = None
    b: str | None = None
    c: str | None = None


@cache
def make_model(width):
    """Return a model with as many columns of text."""
    meta = type("Meta", (), {"table_name": f"texts_{width}"})
    fields = {name: TextField(null=True) for name in NAMES[:width]}
    return type(f"Texts{width}", (BatchRecord,), {"Meta": meta, "__module__": __name__, **fields})


def run_jobs(folder, file, store, **arguments):
    """Run A, B and C; return the result of A and the batch, None if A refuses the file."""
    made = JobA(folder / "out", **arguments).execute(file)
    if not made.success:
        return made, None
    batch = JobB(store).execute(made.unwrap()).unwrap()
    assert batch == JobC(store).execute(batch).unwrap()
    return made, batch


def read_rows(path, table, columns):
    """Read a table without our packages: values by line number."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(f"SELECT line_number, {', '.join(columns)} FROM {table} ORDER BY line_number")
        return {number: list(values) for number, *values in rows}


def read_contents(path):
    """Read the rows that no model has a table for."""
    rows = read_rows(path, "finalized_records", ["content"])
    contents = {number: json.loads(content) for number, (content,) in rows.items()}
    return {
        number: [*content.values()] if isinstance(content, dict) else content
        for number, content in contents.items()
    }


def read_document(path):
    """Return a document, after a check of its sums and its hash without our packages."""
    document = json.loads(path.read_bytes())
    records = document["records"]
    lines = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in records)
    rejected = sum("reject" in record for record in records)
    assert document["records_sha256"] == hashlib.sha256(",\n".join(lines).encode()).hexdigest()
    assert (document["record_count"], document["rejected"]) == (len(records) - rejected, rejected)
    assert document["read"] == len(records) + document["blank"] + document["dropped"]
    return document


def count_line_ends(text):
    return len(re.findall("\r\n|\r|\n", text))


@st.composite
def dialects(draw):
    """Draw the arguments of `csv.writer`, and the reader for what it writes."""
    delimiter, quote, escape = draw(st.lists(MARKS, min_size=3, max_size=3, unique=True))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE]))
    is_double = quoting != csv.QUOTE_NONE and draw(st.booleans())
    written = {
        "delimiter": delimiter,
        "quotechar": quote,
        "escapechar": escape if not is_double else None,
        "doublequote": is_double,
        "quoting": quoting,
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
    }
    read = Csv(
        delimiter,
        None if quoting == csv.QUOTE_NONE else quote,
        null_values=(),
        escapechar=written["escapechar"],
        doublequote=is_double,
    )
    return written, read


@limit_examples(15)
@given(data=st.data(), width=st.integers(1, 3), dialect=dialects(), block=BLOCKS, has_model=st.booleans())
def test_any_table_that_csv_writes_comes_back_equal(
    temporary_folder, small_blocks, data, width, dialect, block, has_model
):
    written, reader = dialect
    table = data.draw(st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=6))
    assume(not set("".join(NAMES)) & {written["delimiter"], written["quotechar"], written["escapechar"]})
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, **written)
    writer.writerow(NAMES[:width])
    expected = {}
    for row in table:
        number = count_line_ends(stream.getvalue()) + 1
        try:
            writer.writerow(row)
        except csv.Error:  # it cannot write a single empty value without quotes
            assume(False)
        expected[number] = row
    # What csv itself reads back: of some dialects, it cannot read what it has written.
    split = csv.reader(io.StringIO(stream.getvalue(), newline=""), strict=True, **written)
    try:
        assume([NAMES[:width], *table] == list(split))
    except csv.Error:
        assume(False)

    with temporary_folder() as folder, small_blocks(block):
        file = folder / "x.csv"
        file.write_text(stream.getvalue(), encoding="utf-8", newline="")
        store, model = PeeweeStore(folder / "p.db"), make_model(width)
        made, _ = run_jobs(folder, file, store.into(model) if has_model else store, reader=reader)

        assert made.success, made.error
        records = read_document(made.unwrap())["records"]
        assert expected == {each["line_number"]: each["content"] for each in records}
        if has_model:
            assert expected == read_rows(store.path, f"texts_{width}", NAMES[:width])
        else:
            assert expected == read_contents(store.path)


@limit_examples(15)
@given(data=CSV_BYTES.map(b"".join), block=BLOCKS, delimiter=st.sampled_from(",;"), marked=st.booleans())
@example(data=b'"', block=1, delimiter=",", marked=False)
@example(data=b'"x"y,\r\n1,2,3', block=1, delimiter=",", marked=True)
def test_any_bytes_as_csv_become_the_expected_rows_and_rejects(
    temporary_folder, small_blocks, data, block, delimiter, marked
):
    head = b"\xef\xbb\xbf" * marked + delimiter.join(NAMES).encode() + b"\n"
    try:
        rows = list(split_rows(head + data, ord(delimiter)))[1:]
    except ValueError:  # a quote that is not closed
        expected = None
    else:
        expected = sum_rows(rows, [Column("str", null=True)] * len(NAMES))

    with temporary_folder() as folder, small_blocks(block):
        file = folder / "x.csv"
        file.write_bytes(head + data)
        store = PeeweeStore(folder / "p.db")
        arguments = {"reader": Csv(delimiter), "record": Texts, "max_rejects": "100%"}
        made, batch = run_jobs(folder, file, store.into(make_model(3)), **arguments)
        if expected is None:
            assert made.code == "input.csv"
            assert [] == list((folder / "out").glob("*"))
            return

        assert made.success, made.error
        found = read_rows(store.path, "texts_3", NAMES)
        values = {row.line_number: row.values for row in rows}
        decoded = {number: [each.decode() or None for each in values[number]] for number in expected.loaded}
        assert decoded == found
        kinds = {each.line_number: each.kind for each in store.rejects(batch)}
        assert expected.rejected == kinds
        document = read_document(made.unwrap())
        assert (len(rows), len(expected.blank)) == (document["read"], document["blank"])


@limit_examples(15)
@given(
    data=st.one_of(CSV_BYTES, JSON_BYTES).map(b"".join) | st.binary(),
    reader=st.sampled_from([Csv(), Csv(header=False, names=NAMES), JsonLines(), Csv(quotechar=None)]),
    record=st.sampled_from([None, Texts]),
    block=BLOCKS,
    limit=st.sampled_from([0, 1, "50%", "100%"]),
    most=st.sampled_from([5, 40, 1 << 20]),
    encoding=st.sampled_from(["utf-8", "utf-8", "utf-16", "latin-1", "shift_jis", "utf-7"]),
)
def test_any_bytes_end_in_rows_and_rejects_that_add_up_or_in_a_documented_refusal(
    temporary_folder, small_blocks, data, reader, record, block, limit, most, encoding
):
    with temporary_folder() as folder, small_blocks(block):
        file = folder / "x.csv"
        file.write_bytes(data)
        store = PeeweeStore(folder / "p.db")
        options = {"max_rejects": limit, "max_record_bytes": most, "encoding": encoding}

        made, batch = run_jobs(folder, file, store, reader=reader, record=record, **options)

        if not made.success:
            assert made.code in REFUSALS
            assert str(made.error).isprintable()
            assert [] == list((folder / "out").glob("*"))
            return
        document = read_document(made.unwrap())
        contents = {each["line_number"]: each["content"] for each in document["records"] if "content" in each}
        assert contents == read_contents(store.path)
        rejects = {each["line_number"]: each["reject"] for each in document["records"] if "reject" in each}
        for each in store.rejects(batch):
            expected = rejects.pop(each.line_number)
            assert expected == {
                "kind": each.kind,
                "column": each.column,
                "reason": each.reason,
                "raw": each.raw,
                "job": each.job,
            }
        assert {} == rejects
        allowed = (
            limit
            if isinstance(limit, int)
            else int(limit[:-1]) / 100 * (document["read"] - document["blank"])
        )
        assert document["rejected"] <= allowed


def test_the_reader_of_the_laws_notices_a_difference():
    """If not, the laws would prove nothing."""
    rows = list(split_rows(b'a,"b\nc",d\n\ne\n'))

    sums = sum_rows(rows, [Column("str", null=True)] * 3)

    assert ({1}, {3}, {4: "columns"}) == (sums.loaded, sums.blank, sums.rejected)
