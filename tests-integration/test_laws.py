"""Any bytes, through A, B and C: they become the records that the rule for lines says, or are refused."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from fuzz.example_budget import limit_examples
from fuzz.reference import decode_text, encode_records, split_lines
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline_db import PeeweeStore
from pipeline_jobs import JobA, JobB, JobC

# Pieces that are easy to cut in the wrong place: line ends, byte order marks, and bytes that are not UTF-8.
PIECES = ["\r", "\n", "\r\n", "a", "é", "日", "🎉", " ", "\t", "\v", "\f", "\x1c", "\x85", "\0", '"', "\\"]
PIECES += ["\u2028", "\u2029", "\ufeff", "\u3000", "\x7f", "\x1b[31m"]
BROKEN = [b"\xff", b"\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\x80", b"\xef\xbb"]
TEXTS = st.lists(st.sampled_from([piece for piece in PIECES if piece != "\0"])).map("".join) | st.text()
UTF_8 = st.one_of(
    TEXTS.map(str.encode),
    TEXTS.map(str.encode),
    st.lists(st.sampled_from([*map(str.encode, PIECES), *BROKEN])).map(b"".join),
    st.binary(),
)
BLOCKS = st.integers(1, 20) | st.just(1 << 20)
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "latin-1", "cp1252", "cp037"]
ENCODINGS += ["ascii", "shift_jis", "euc_jp", "gb18030", "gbk", "big5", "iso2022_jp", "hz", "koi8_r", "cp437"]


def predict(data, encoding):
    """Return the expected records and number of lines, or the codes of which one is expected."""
    try:
        text = decode_text(data, encoding)
    except UnicodeError:
        # Which of two faults comes first depends on where blocks end.
        return {"input.undecodable", "input.nul", "input.surrogate"}
    faults = {"input.nul"} if "\0" in text else set()
    if any("\ud800" <= character <= "\udfff" for character in text):
        faults.add("input.surrogate")
    return faults or split_lines(text)


def read_database(path):
    """Read the batches and records without our packages."""
    with closing(sqlite3.connect(path)) as database:
        batches = database.execute("SELECT id, source, record_count, status FROM processing_batches")
        records = database.execute("SELECT line_number, content FROM finalized_records ORDER BY line_number")
        return list(batches), list(records)


def check(folder, data, encoding):
    """Run the three jobs on the bytes, and compare the result with the prediction."""
    file, store = folder / "x.txt", PeeweeStore(folder / "p.db")
    file.write_bytes(data)
    expected = predict(data, encoding)

    made = JobA(folder / "out", encoding).execute(file)

    if isinstance(expected, set):
        assert made.code in expected
        assert [] == list((folder / "out").glob("*"))
        return made
    records, lines = expected
    assert {"lines": lines, "records": len(records), "blank": lines - len(records)} == made.counts
    document = json.loads(made.unwrap().read_bytes())
    assert (len(data), hashlib.sha256(data).hexdigest()) == (
        document["source"]["bytes"],
        document["source"]["sha256"],
    )
    assert hashlib.sha256(encode_records(records)).hexdigest() == document["records_sha256"]
    assert records == [(record["line_number"], record["content"]) for record in document["records"]]
    batch = JobB(store).execute(made.unwrap()).unwrap()
    assert batch == JobC(store).execute(batch).unwrap()
    assert ([(1, file.as_uri(), len(records), "finalized")], records) == read_database(store.path)
    return made


@limit_examples(40)
@given(data=UTF_8, block=BLOCKS, chunk=st.integers(1, 5))
@example(data=b"", block=1, chunk=1)
@example(data=b"\xef\xbb\xbf", block=2, chunk=1)
@example(data=b"a\r\nb", block=2, chunk=1)
@example(data=b"\0\n\xff", block=2, chunk=1)
def test_any_bytes_become_the_expected_records_or_are_refused(
    temporary_folder, small_blocks, data, block, chunk
):
    with temporary_folder() as folder, small_blocks(block, chunk):
        made = check(folder, data, "utf-8")

    if made.code == "input.undecodable":
        with pytest.raises(UnicodeDecodeError) as caught:
            data.decode()
        line = split_lines(data[: caught.value.start].decode() + "|")[1]
        assert f"byte {caught.value.start}, line {line}: not utf-8" in made.error


@limit_examples(15)
@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), block=BLOCKS)
def test_bytes_in_any_encoding_become_the_expected_records_or_are_refused(
    temporary_folder, small_blocks, data, encoding, block
):
    text = TEXTS.map(lambda text: text.encode(encoding, "ignore"))
    content = data.draw(text | text | st.lists(text | st.binary(max_size=3), max_size=4).map(b"".join))

    with temporary_folder() as folder, small_blocks(block):
        check(folder, content, encoding)
