"""Any JSON, given to B in a file or in memory: the expected records, or a refusal."""

import hashlib
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from fuzz.example_budget import limit_examples
from fuzz.reference import RefusedError, encode_records, parse_document, parse_json
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline_db import PeeweeStore
from pipeline_jobs import JobB, JobC, Record, Source
from pipeline_jobs.documents.records import Chunk
from pipeline_jobs.documents.writer import DocumentWriter

ERRORS = Path(__file__).parents[1] / "ERRORS.md"
REFUSALS = frozenset(re.findall(r"^\| `(input\.[a-z_]+)`", ERRORS.read_text(encoding="utf-8"), re.MULTILINE))

TEXTS = st.one_of(st.sampled_from(["", "a", "\0", "größe\u2028", "\ud800", '"\\', "🎉"]), st.text(max_size=5))
NUMBERS = st.one_of(
    st.integers(1, 3), st.integers(-(2**70), 2**70), st.sampled_from([0, 2**63 - 1, 2**63]), st.booleans()
)
VALUES = st.recursive(
    st.none() | NUMBERS | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
GOOD = st.sampled_from(["", "a", "größe\u2028", '"\\', "🎉"])
NUMBERED = st.fixed_dictionaries({"content": GOOD}, optional={"line_number": st.integers(1, 9)})
ODD = st.one_of(
    st.fixed_dictionaries({"content": GOOD, "line_number": NUMBERS}),
    st.fixed_dictionaries({"content": TEXTS | VALUES}, optional={"line_number": VALUES, "more": VALUES}),
    TEXTS,
    VALUES,
)
SOURCES = st.fixed_dictionaries(
    {"uri": st.sampled_from(["file:///a", "x:", "memory:"])},
    optional={"name": GOOD, "bytes": st.integers(0, 2**63 - 1), "sha256": st.sampled_from([None, 64 * "a"])},
)
ODD_SOURCES = st.fixed_dictionaries(
    {"uri": st.sampled_from(["file:///a", "no uri", "", "x: "]) | VALUES},
    optional={"name": TEXTS, "bytes": NUMBERS | VALUES, "sha256": TEXTS | VALUES, "more": VALUES},
)
HEADERS = {"format": st.just("pipeline-records"), "version": st.just(1), "source": SOURCES}
KEYS = st.sampled_from([*HEADERS, "record_count", "records_sha256", "more"])


@st.composite
def documents(draw):
    """Draw a valid document, or one with a fault or two."""
    records = draw(st.lists(GOOD | NUMBERED, max_size=4))
    if draw(st.booleans()):
        records.insert(draw(st.integers(0, len(records))), draw(ODD))
    if draw(st.booleans()):
        return records
    whole = {"records": records, **draw(st.fixed_dictionaries({}, optional=HEADERS))}
    if draw(st.booleans()) and (found := expect_records(records)) is not None:
        in_order = parse_document(records)
        whole |= {
            "record_count": len(found),
            "records_sha256": hashlib.sha256(encode_records(in_order)).hexdigest(),
        }
    if draw(st.booleans()):
        whole[draw(KEYS)] = draw(ODD_SOURCES | NUMBERS | TEXTS | VALUES)
    return whole


DATA = documents() | documents() | documents() | VALUES
BLOCKS = st.sampled_from([1 << 20, 3, 4, 50])  # the byte order mark has three bytes
LAYOUTS = st.fixed_dictionaries({"indent": st.sampled_from([None, 1]), "ensure_ascii": st.booleans()})


def expect_records(value, read=lambda value: value):
    """Return the records that a value stands for, or None if it is to be refused."""
    try:
        return sorted(parse_document(read(value)))
    except RefusedError:
        return None


def load(folder, value):
    """Load and finalize a value; return the records, or None if it is refused by a documented code."""
    store = PeeweeStore(folder / "p.db")
    result = JobB(store).execute(value)
    if not result.success:
        assert result.code in REFUSALS, result.error
        assert [] == read_records(store.path)
        return None
    JobC(store).execute(result.output).unwrap()
    found = read_records(store.path)
    store.path.unlink()
    return found


def read_records(path):
    """Read all records without our packages; none if the database is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        return []
    with closing(sqlite3.connect(path)) as database:
        return database.execute(
            "SELECT line_number, content FROM processed_records ORDER BY line_number"
        ).fetchall()


@limit_examples(20)
@given(value=DATA, layout=LAYOUTS, block=BLOCKS)
@example(value={"records": [], "\ud800": 1}, layout={}, block=50)
def test_any_json_value_has_the_same_records_in_a_file_and_in_memory(
    temporary_folder, small_blocks, value, layout, block
):
    expected = expect_records(value)
    with temporary_folder() as folder, small_blocks(block, 3):
        file = folder / "x.json"
        file.write_bytes(json.dumps(value, **layout).encode("utf-8", "surrogatepass"))

        from_file = load(folder, file)
        from_memory = load(folder, value) if isinstance(value, dict | list) else from_file

    assert (expected, expected) == (from_file, from_memory)


def make_document(records):
    """Return a document as job A writes it."""
    stream = io.BytesIO()
    writer = DocumentWriter(stream, Source("file:///data/x.txt", "x.txt"))
    if records:
        writer.write(Chunk([Record(number, content) for number, content in records]))
    writer.finish(38, 64 * "a")
    return stream.getvalue()


OURS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)).map(
    lambda contents: make_document(list(enumerate(contents, 1)))
)
FRAGMENTS = [b"\n", b" ", b"}", b"{", b"]", b"[", b",", b'"', b"0", b"1", b"-", b"\\", b"\\u0000", b"\\ud800"]
FRAGMENTS += [
    b"\xff",
    b"\xef\xbb\xbf",
    b"1e5",
    b"true",
    b"null",
    b'"records":[],',
    b'"line_number":1,',
    b"\0",
]


@st.composite
def damaged_documents(draw):
    """Draw a document with a few bytes removed, inserted or doubled."""
    text = draw(OURS)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 2, 30])))
        put = draw(st.sampled_from([*FRAGMENTS, text[start:end] * 2]))
        text = text[:start] + put + text[end:]
    return text


@limit_examples(15)
@given(text=damaged_documents() | st.binary() | st.text().map(str.encode), block=BLOCKS)
@example(text=make_document([(1, "a")]).replace(b'"record_count":1', b'"record_count":1.0'), block=50)
@example(text=b'[{"content":"a","line_number":1E0}]', block=50)
def test_a_damaged_document_is_refused_unless_it_is_still_valid(temporary_folder, small_blocks, text, block):
    expected = expect_records(text, parse_json)
    with temporary_folder() as folder, small_blocks(block, 3):
        file = folder / "x.json"
        file.write_bytes(text)

        found = load(folder, file)

    assert expected == found


@given(st.lists(st.tuples(st.integers(1, 2**63 - 1), st.text(max_size=5))))
def test_the_model_writes_records_as_documents_do(records):
    """If not, the model would refuse every document with a hash."""
    records = [(number, content.replace("\0", "")) for number, content in records]

    assert encode_records(records) in make_document(records)
