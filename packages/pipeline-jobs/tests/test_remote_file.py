import sys

import pytest

from pipeline_jobs import InputError, JobA, JobB, Url, location, open_input
from pipeline_jobs.remote_file import RemoteFile
from pipeline_jobs.testing import MemoryStore


def test_file_in_a_store_has_what_a_file_here_has(bucket):
    bucket.pipe_file("/in/a b.txt", b"hello world")

    with open_input(location("memory://in/a b.txt")) as file:
        assert isinstance(file, RemoteFile)
        assert ("memory://in/a b.txt", 11) == (file.where, file.size)
        assert ("memory://in/a%20b.txt", "a b.txt") == (file.source.uri, file.source.name)
        assert (b"hello", 5) == (file.read(5), file.position)
        assert (b" world", b"") == (file.read(99), file.read(1))
        file.seek(6)
        assert b"world" == file.read(99)
        file.check_unchanged()


def test_file_that_is_written_to_is_refused(bucket):
    bucket.pipe_file("/x.txt", b"one")

    with open_input(location("memory://x.txt")) as file:
        file.read(99)
        bucket.pipe_file("/x.txt", b"another")
        with pytest.raises(InputError, match=r"^memory://x\.txt: was changed while it was read; try again$"):
            file.check_unchanged()


def test_folder_is_no_file(bucket):
    bucket.pipe_file("/in/x.txt", b"")

    with pytest.raises(InputError, match=r"^memory://in: is a folder, expected a file") as caught:
        open_input(location("memory://in"))

    assert "input.not_a_file" == caught.value.code


class SlowDownError(Exception):
    status = 503


class NoCredentialsError(Exception):
    pass


class FileExpired(OSError):  # noqa: N818  # as s3fs calls it
    pass


@pytest.mark.parametrize(
    ("error", "code", "retriable"),
    [
        (FileNotFoundError("x"), "input.missing", False),
        (PermissionError("Access Denied"), "input.unreadable", False),
        (NoCredentialsError("none found"), "input.unreadable", False),
        (OSError("Forbidden: https://host/x"), "input.unreadable", False),
        (FileExpired("other ETag"), "input.changed", False),
        (ConnectionResetError(104, "reset"), "input.unreachable", True),
        (TimeoutError(), "input.unreachable", True),
        (SlowDownError("slow down"), "input.unreachable", True),
        (OSError(16, "Please reduce your request rate"), "input.unreachable", True),
        (ValueError("something else"), "input.unreadable", False),
    ],
)
@pytest.mark.parametrize("when", ["info", "read"])
def test_trouble_of_a_store_has_the_code_of_a_file(bucket, troubled, tmp_path, error, code, retriable, when):
    bucket.pipe_file("/x.txt", b"one\n")
    troubled[when] = error

    result = JobA(tmp_path).execute("troubled://x.txt")

    assert (code, retriable) == (result.code, result.retriable)
    assert result.error.startswith("troubled://x.txt: ")
    assert not list(tmp_path.iterdir())


def test_what_a_library_says_is_one_line_without_a_query(bucket, troubled, tmp_path):
    troubled["info"] = ValueError("GET 'https://host/x?X-Amz-Signature=secret' failed\n<xml>")

    result = JobA(tmp_path).execute("troubled://x.txt")

    assert "troubled://x.txt: cannot be read: GET 'https://host/x' failed" == result.error


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket/x", "what reads and writes URLs of s3:// is not installed; pip install s3fs"),
        (
            "https://host/x",
            "what reads and writes URLs of https:// is not installed; pip install fsspec[http]",
        ),
        ("abfs://bucket/x", "what reads and writes URLs of abfs:// is not installed; pip install fsspec"),
    ],
)
def test_library_that_is_not_installed_is_named(monkeypatch, tmp_path, url, said):
    monkeypatch.setitem(sys.modules, "fsspec", None)

    result = JobA(tmp_path).execute(url)

    assert ("input.library", f"{url}: {said}") == (result.code, result.error)


def test_store_that_nobody_knows_is_refused(bucket, tmp_path):
    result = JobA(tmp_path).execute("nowhere://x")

    assert "nowhere://x: no library is known for URLs of nowhere://" == result.error
    assert "input.library" == result.code


def test_document_in_a_store_is_loaded(bucket, tmp_path):
    """In our own layout, and by hand, which is read twice."""
    bucket.pipe_file("/x.txt", b"one\n\ntwo\n")
    bucket.pipe_file("/hand.json", b'["by hand"]')
    document = JobA("memory://out").execute("memory://x.txt").unwrap()
    store = MemoryStore()

    assert Url("memory://out/x_processed.json") == document
    assert 1 == JobB(store).execute(document).unwrap()
    assert 2 == JobB(store).execute("memory://hand.json").unwrap()
    assert ["one", "two"] == [record.content for record in store.batches[1]]
    assert ["by hand"] == [record.content for record in store.batches[2]]
    assert ["memory://x.txt", "memory://hand.json"] == [uri for uri, _ in store._identities.values()]


def test_compressed_file_in_a_store_is_decompressed(bucket, tmp_path):
    import gzip

    bucket.pipe_file("/x.txt.gz", gzip.compress(b"one\ntwo\n"))

    result = JobA(tmp_path).execute("memory://x.txt.gz")

    assert (tmp_path / "x_processed.json", 2) == (result.output, result.counts["records"])


def test_url_of_a_file_here_is_the_same_source_as_its_path(tmp_path):
    file = tmp_path / "a b.txt"
    file.write_text("one\n")

    first = JobA(tmp_path / "out").execute(str(file)).unwrap()
    before = first.read_bytes()
    second = JobA((tmp_path / "out").as_uri()).execute(file.as_uri()).unwrap()

    assert (first, before) == (second, second.read_bytes())
