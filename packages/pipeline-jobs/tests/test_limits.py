"""A record is as large as its text in UTF-8, and one beyond the limit is refused by every way it comes in."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import MAX_RECORD_BYTES, JobA, JobB, Record, limits
from pipeline_jobs.limits import first_too_large, utf8_size
from pipeline_jobs.testing import MemoryStore

HINT = "a record of more than 100 bytes; allow larger ones with --max-record-bytes"
FITS = ["x" * 100, "é" * 50, "日" * 33 + "x", "🎉" * 25, "\x01" * 100, '"' * 100]
LARGE = ["x" * 101, "é" * 50 + "x", "日" * 34, "🎉" * 25 + "x", "\x01" * 101, '"' * 101]


@given(st.text(), st.integers(1, 5))
def test_the_size_of_a_text_is_that_of_its_bytes(text, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_PIECE", piece)

        assert len(text.encode()) == utf8_size(text)


def test_a_lone_surrogate_has_a_size_too():
    """It is refused for what it is, not by an error of its encoding."""
    assert 4 == utf8_size("a\ud800")


@given(st.lists(st.text()), st.integers(1, 10))
def test_the_first_text_beyond_the_limit_is_found(texts, limit):
    large = [number for number, text in enumerate(texts) if len(text.encode()) > limit]

    assert next(iter(large), None) == first_too_large(texts, len("".join(texts)), limit)


def layouts(content):
    """Return a document whose third record has this content, in several layouts."""
    objects = [{"line_number": n, "content": text} for n, text in enumerate(["a", "b", content, "d"], 1)]
    return [
        json.dumps([each["content"] for each in objects]),
        json.dumps({"records": objects}, indent=1, ensure_ascii=False),
    ]


def test_job_a_refuses_a_record_beyond_the_limit(tmp_path):
    path = tmp_path / "x.txt"
    for content in FITS[:4]:
        path.write_text(f"a\n{content}\n", encoding="utf-8")
        assert JobA(tmp_path / "out", max_record_bytes=100).execute(path).success
    for content in LARGE[:4]:
        path.write_text(f"a\n{content}\n", encoding="utf-8")

        result = JobA(tmp_path / "refused", max_record_bytes=100).execute(path)

        assert ("input.record_size", f"{path}, line 2: {HINT}") == (result.code, result.error)
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize("content", FITS)
def test_job_b_takes_a_record_within_the_limit_in_any_form(tmp_path, document, content):
    path = tmp_path / "x.json"
    for text in layouts(content):
        path.write_text(text, encoding="utf-8")
        for value in (path, json.loads(text)):
            assert JobB(MemoryStore(), max_record_bytes=100).execute(value).success
    path.write_bytes(ours(document, content))
    assert JobB(MemoryStore(), max_record_bytes=100).execute(path).success


@pytest.mark.parametrize("content", LARGE)
def test_job_b_refuses_a_record_beyond_the_limit_in_any_form(tmp_path, document, content):
    path = tmp_path / "x.json"
    store = MemoryStore()
    for whole in [*(text.encode() for text in layouts(content)), ours(document, content)]:
        path.write_bytes(whole)
        for value, where in ((path, str(path)), (json.loads(whole), "memory")):
            result = JobB(store, max_record_bytes=100).execute(value)

            assert ("input.record_size", f"{where}, record 3: {HINT}") == (result.code, result.error)
    assert {} == store.batches


def ours(document, content):
    """Return the document that A writes of such records."""
    return document([Record(n, text) for n, text in enumerate(["a", "b", content, "d"], 1)])


def test_a_small_file_that_grows_to_a_long_line_is_not_read_to_its_end(tmp_path):
    """Its end is missing, which nobody comes to see."""
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"x" * (8 << 20))[:-8])

    assert "input.compressed" == JobA(tmp_path).execute(path).code
    assert "input.record_size" == JobA(tmp_path, max_record_bytes=5 << 20).execute(path).code


def test_the_limit_is_the_same_by_default_everywhere(tmp_path):
    assert 16 * 1024 * 1024 == MAX_RECORD_BYTES
    assert MAX_RECORD_BYTES == JobA(tmp_path).max_record_bytes == JobB(MemoryStore()).max_record_bytes


@pytest.mark.parametrize("extra", [0, 1])
def test_the_default_is_a_limit_to_the_byte(tmp_path, extra):
    path = tmp_path / "x.txt"
    path.write_bytes(b"x" * (MAX_RECORD_BYTES + extra) + b"\ny\n")

    result = JobA(tmp_path).execute(path)

    assert result.success == (not extra)
    if not extra:
        assert JobB(MemoryStore()).execute(result.output).success
