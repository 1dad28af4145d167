"""Any JSON at all, given to B in a file or in memory: the records that it means, or a refusal."""

import hashlib
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from fuzz.model import RefusedError, canonical, meant, written
from fuzz.shares import share
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline_db import PeeweeStore
from pipeline_jobs import Chunk, JobB, JobC, Record, Source
from pipeline_jobs.document import Writer

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
    """Draw what means something, or would but for one thing or two."""
    records = draw(st.lists(GOOD | NUMBERED, max_size=4))
    if draw(st.booleans()):
        records.insert(draw(st.integers(0, len(records))), draw(ODD))
    if draw(st.booleans()):
        return records
    whole = {"records": records, **draw(st.fixed_dictionaries({}, optional=HEADERS))}
    if draw(st.booleans()) and (found := records_of(records)) is not None:
        in_order = meant(records)
        whole |= {
            "record_count": len(found),
            "records_sha256": hashlib.sha256(canonical(in_order)).hexdigest(),
        }
    if draw(st.booleans()):
        whole[draw(KEYS)] = draw(ODD_SOURCES | NUMBERS | TEXTS | VALUES)
    return whole


DATA = documents() | documents() | documents() | VALUES
BLOCKS = st.sampled_from([1 << 20, 3, 4, 50])  # the byte order mark has three bytes
LAYOUTS = st.fixed_dictionaries({"indent": st.sampled_from([None, 1]), "ensure_ascii": st.booleans()})


def records_of(value, read=lambda value: value):
    """Return the records that a value means; None for nothing."""
    try:
        return sorted(meant(read(value)))
    except RefusedError:
        return None


def loaded(place, value):
    """Return the records that B loads and C finalizes, or None after a refusal that is documented."""
    store = PeeweeStore(place / "p.db")
    result = JobB(store).execute(value)
    if not result.success:
        assert result.code in REFUSALS, result.error
        assert [] == rows(store.path)
        return None
    JobC(store).execute(result.output).unwrap()
    found = rows(store.path)
    store.path.unlink()
    return found


def rows(path):
    """Return all records of a database, read without our packages; none of one that is not there or empty."""
    if not path.exists() or not path.stat().st_size:
        return []
    with closing(sqlite3.connect(path)) as database:
        return database.execute(
            "SELECT line_number, content FROM processed_records ORDER BY line_number"
        ).fetchall()


@share(20)
@given(value=DATA, layout=LAYOUTS, block=BLOCKS)
@example(value={"records": [], "\ud800": 1}, layout={}, block=50)
def test_any_json_value_means_the_same_in_a_file_and_in_memory(place, pieces_of, value, layout, block):
    expected = records_of(value)
    with place() as folder, pieces_of(block, 3):
        file = folder / "x.json"
        file.write_bytes(json.dumps(value, **layout).encode("utf-8", "surrogatepass"))

        from_file = loaded(folder, file)
        from_memory = loaded(folder, value) if isinstance(value, dict | list) else from_file

    assert (expected, expected) == (from_file, from_memory)


def document(records):
    """Return a document as A lays it out."""
    stream = io.BytesIO()
    writer = Writer(stream, Source("file:///data/x.txt", "x.txt"))
    if records:
        writer.write(Chunk([Record(number, content) for number, content in records]))
    writer.finish(38, 64 * "a")
    return stream.getvalue()


OURS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)).map(
    lambda contents: document(list(enumerate(contents, 1)))
)
SCRAPS = [b"\n", b" ", b"}", b"{", b"]", b"[", b",", b'"', b"0", b"1", b"-", b"\\", b"\\u0000", b"\\ud800"]
SCRAPS += [b"\xff", b"\xef\xbb\xbf", b"1e5", b"true", b"null", b'"records":[],', b'"line_number":1,', b"\0"]


@st.composite
def nearly(draw):
    """Draw a document in which a few bytes are taken away, put in or given twice."""
    text = draw(OURS)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 2, 30])))
        put = draw(st.sampled_from([*SCRAPS, text[start:end] * 2]))
        text = text[:start] + put + text[end:]
    return text


@share(15)
@given(text=nearly() | st.binary() | st.text().map(str.encode), block=BLOCKS)
@example(text=document([(1, "a")]).replace(b'"record_count":1', b'"record_count":1.0'), block=50)
@example(text=b'[{"content":"a","line_number":1E0}]', block=50)
def test_a_file_that_is_nearly_a_document_is_refused_unless_it_is_one(place, pieces_of, text, block):
    expected = records_of(text, written)
    with place() as folder, pieces_of(block, 3):
        file = folder / "x.json"
        file.write_bytes(text)

        found = loaded(folder, file)

    assert expected == found


@given(st.lists(st.tuples(st.integers(1, 2**63 - 1), st.text(max_size=5))))
def test_the_model_writes_records_as_documents_hold_them(records):
    """Where it did not, documents with a hash would only ever be refused by it."""
    records = [(number, content.replace("\0", "")) for number, content in records]

    assert canonical(records) in document(records)
