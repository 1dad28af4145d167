"""The size of a record is that of its text in UTF-8; a larger one is refused wherever it comes from."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import JobA, JobB, Record
from pipeline_jobs.documents import size_limits
from pipeline_jobs.documents.size_limits import DEFAULT_MAX_RECORD_BYTES, count_utf8_bytes, find_too_large
from pipeline_jobs.testing import MemoryStore

HINT = "a record of more than 100 bytes; allow larger ones with --max-record-bytes"
FITS = ["x" * 100, "é" * 50, "日" * 33 + "x", "🎉" * 25, "\x01" * 100, '"' * 100]
LARGE = ["x" * 101, "é" * 50 + "x", "日" * 34, "🎉" * 25 + "x", "\x01" * 101, '"' * 101]


@given(st.text(), st.integers(1, 5))
def test_text_is_measured_in_utf8_bytes(text, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size_limits, "_PIECE", piece)

        assert len(text.encode()) == count_utf8_bytes(text)


def test_lone_surrogate_has_a_size():
    """It is refused later, with an error of its own."""
    assert 4 == count_utf8_bytes("a\ud800")


@given(st.lists(st.text()), st.integers(1, 10))
def test_first_text_over_the_limit_is_found(texts, limit):
    large = [number for number, text in enumerate(texts) if len(text.encode()) > limit]

    assert next(iter(large), None) == find_too_large(texts, len("".join(texts)), limit)


def write_layouts(content):
    """Write a document whose third record has this content, in several layouts."""
    objects = [{"line_number": n, "content": text} for n, text in enumerate(["a", "b", content, "d"], 1)]
    return [
        json.dumps([each["content"] for each in objects]),
        json.dumps({"records": objects}, indent=1, ensure_ascii=False),
    ]


def test_job_a_refuses_a_record_over_the_limit(tmp_path):
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
def test_job_b_accepts_a_record_within_the_limit_in_any_layout(tmp_path, document, content):
    path = tmp_path / "x.json"
    for text in write_layouts(content):
        path.write_text(text, encoding="utf-8")
        for value in (path, json.loads(text)):
            assert JobB(MemoryStore(), max_record_bytes=100).execute(value).success
    path.write_bytes(write_own_layout(document, content))
    assert JobB(MemoryStore(), max_record_bytes=100).execute(path).success


@pytest.mark.parametrize("content", LARGE)
def test_job_b_refuses_a_record_over_the_limit_in_any_layout(tmp_path, document, content):
    path = tmp_path / "x.json"
    store = MemoryStore()
    for whole in [*(text.encode() for text in write_layouts(content)), write_own_layout(document, content)]:
        path.write_bytes(whole)
        for value, where in ((path, str(path)), (json.loads(whole), "memory")):
            result = JobB(store, max_record_bytes=100).execute(value)

            assert ("input.record_size", f"{where}, record 3: {HINT}") == (result.code, result.error)
    assert {} == store.batches


def write_own_layout(document, content):
    """Write the same document as job A would."""
    return document([Record(n, text) for n, text in enumerate(["a", "b", content, "d"], 1)])


def test_long_line_in_a_compressed_file_is_refused_before_its_end(tmp_path):
    """The end of the file is missing, which reading on would report."""
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"x" * (8 << 20))[:-8])

    assert "input.compressed" == JobA(tmp_path).execute(path).code
    assert "input.record_size" == JobA(tmp_path, max_record_bytes=5 << 20).execute(path).code


def test_both_jobs_have_the_same_default_limit(tmp_path):
    assert 16 * 1024 * 1024 == DEFAULT_MAX_RECORD_BYTES
    assert DEFAULT_MAX_RECORD_BYTES == JobA(tmp_path).max_record_bytes == JobB(MemoryStore()).max_record_bytes


@pytest.mark.parametrize("extra", [0, 1])
def test_default_limit_is_exact(tmp_path, extra):
    path = tmp_path / "x.txt"
    path.write_bytes(b"x" * (DEFAULT_MAX_RECORD_BYTES + extra) + b"\ny\n")

    result = JobA(tmp_path).execute(path)

    assert result.success == (not extra)
    if not extra:
        assert JobB(MemoryStore()).execute(result.output).success
