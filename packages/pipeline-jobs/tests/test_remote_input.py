"""Reading of files in a remote store, and from a real web server with and without optional parts of HTTP."""

import gzip
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline_jobs import InputError, JobA, JobB, Url, parse_location
from pipeline_jobs.storage.input import open_input
from pipeline_jobs.storage.listing import list_matches
from pipeline_jobs.storage.remote_input import RemoteInput
from pipeline_jobs.testing import MemoryStore


def test_remote_input_behaves_as_a_local_one(bucket):
    bucket.pipe_file("/in/a b.txt", b"hello world")

    with open_input(parse_location("memory://in/a b.txt")) as file:
        assert isinstance(file, RemoteInput)
        assert ("memory://in/a b.txt", 11) == (file.where, file.size)
        assert ("memory://in/a%20b.txt", "a b.txt") == (file.source.uri, file.source.name)
        assert (b"hello", 5) == (file.read(5), file.position)
        assert (b" world", b"") == (file.read(99), file.read(1))
        file.seek(6)
        assert b"world" == file.read(99)
        file.check_unchanged()


def test_remote_file_that_changes_is_refused(bucket):
    bucket.pipe_file("/x.txt", b"one")

    with open_input(parse_location("memory://x.txt")) as file:
        file.read(99)
        bucket.pipe_file("/x.txt", b"another")
        with pytest.raises(InputError, match=r"^memory://x\.txt: was changed while it was read; try again$"):
            file.check_unchanged()


def test_remote_folder_is_refused(bucket):
    bucket.pipe_file("/in/x.txt", b"")

    with pytest.raises(InputError, match=r"^memory://in: is a folder, expected a file") as caught:
        open_input(parse_location("memory://in"))

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
def test_store_errors_become_input_errors(bucket, failures, tmp_path, error, code, retriable, when):
    bucket.pipe_file("/x.txt", b"one\n")
    failures[when] = error

    result = JobA(tmp_path).execute("failing://x.txt")

    assert (code, retriable) == (result.code, result.retriable)
    assert result.error.startswith("failing://x.txt: ")
    assert not list(tmp_path.iterdir())


def test_library_message_is_one_line_without_a_query(bucket, failures, tmp_path):
    failures["info"] = ValueError("GET 'https://host/x?X-Amz-Signature=secret' failed\n<xml>")

    result = JobA(tmp_path).execute("failing://x.txt")

    assert "failing://x.txt: cannot be read: GET 'https://host/x' failed" == result.error


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/x", "the library for URLs of s3:// is not installed; pip install s3fs"),
        (
            "https://host/x",
            "the library for URLs of https:// is not installed; pip install fsspec[http]",
        ),
        ("abfs://bucket/x", "the library for URLs of abfs:// is not installed; pip install fsspec"),
    ],
)
def test_missing_library_is_named(monkeypatch, tmp_path, url, message):
    monkeypatch.setitem(sys.modules, "fsspec", None)

    result = JobA(tmp_path).execute(url)

    assert ("input.library", f"{url}: {message}") == (result.code, result.error)


def test_unknown_scheme_is_refused(bucket, tmp_path):
    result = JobA(tmp_path).execute("nowhere://x")

    assert "nowhere://x: no library is known for URLs of nowhere://" == result.error
    assert "input.library" == result.code


def test_remote_document_is_loaded(bucket, tmp_path):
    """In our own layout, and in one written by hand, which is read twice."""
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


def test_remote_compressed_file_is_decompressed(bucket, tmp_path):
    bucket.pipe_file("/x.txt.gz", gzip.compress(b"one\ntwo\n"))

    result = JobA(tmp_path).execute("memory://x.txt.gz")

    assert (tmp_path / "x_processed.json", 2) == (result.output, result.counts["records"])


def test_file_url_and_path_are_one_source(tmp_path):
    file = tmp_path / "a b.txt"
    file.write_text("one\n")

    first = JobA(tmp_path / "out").execute(str(file)).unwrap()
    before = first.read_bytes()
    second = JobA((tmp_path / "out").as_uri()).execute(file.as_uri()).unwrap()

    assert (first, before) == (second, second.read_bytes())


@pytest.fixture
def web():
    """A local web server, with the content of its files by path, and switches for how it answers."""
    pytest.importorskip("aiohttp")

    class Server(ThreadingHTTPServer):
        files = {}
        status = 200
        parts = sizes = True

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            content = server.files.get(self.path)
            if content is None or server.status != 200:
                self.send_error(404 if content is None else server.status)
                return
            wanted = self.headers.get("Range", "")
            if wanted and server.parts:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                part = content[int(first) : int(last or len(content)) + 1]
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
                )
                content = part
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes" if server.parts else "none")
            if server.sizes:
                self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hash(server.files[self.path])}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(web, path):
    return f"http://127.0.0.1:{web.server_port}{path}"


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("sizes", [True, False])
def test_web_file_is_read(web, tmp_path, parts, sizes):
    """Also from a server that gives no size, or no part of a file: job B reads the end first."""
    web.parts, web.sizes = parts, sizes
    web.files["/a%20b.txt?v=1"] = b"one\n\ntwo\n"

    document = JobA(tmp_path).execute(url(web, "/a%20b.txt?v=1")).unwrap()
    web.files["/x.json"] = document.read_bytes()
    store = MemoryStore()
    loaded = JobB(store).execute(url(web, "/x.json")).unwrap()

    assert tmp_path / "a%20b_processed.json" == document
    assert ["one", "two"] == [record.content for record in store.batches[loaded]]
    assert url(web, "/a%20b.txt?v=1") == next(iter(store._identities.values()))[0]


def test_web_file_that_changes_is_refused(web, tmp_path):
    web.files["/x.txt"] = 2 * (1 << 20) * b"one line\n"
    job = JobA(tmp_path)
    job.progress = lambda *_: web.files.update({"/x.txt": 2 * (1 << 20) * b"two line\n"})

    result = job.execute(url(web, "/x.txt"))

    assert "input.changed" == result.code
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "code", "retriable"),
    [(404, "input.missing", False), (403, "input.unreadable", False), (503, "input.unreachable", True)],
)
def test_http_error_has_its_code(web, tmp_path, status, code, retriable):
    web.files["/x.txt"] = b""
    web.status = status

    result = JobA(tmp_path).execute(url(web, "/x.txt" if status != 404 else "/none"))

    assert (code, retriable) == (result.code, result.retriable)


def test_message_repeats_no_query_and_no_fragment(web, tmp_path):
    """Whatever a parameter is called, it may hold a key."""
    web.files["/binary?ticket=s3cret"] = b"\xff"
    for path in ("/gone?ticket=s3cret", "/gone#s3cret", "/binary?ticket=s3cret"):
        result = JobA(tmp_path).execute(url(web, path))

        assert not result.success
        assert "s3cret" not in result.error
        assert result.error.startswith(url(web, path.partition("?")[0].partition("#")[0]))


def test_missing_server_is_unreachable(web, tmp_path):
    result = JobA(tmp_path).execute("http://127.0.0.1:1/x.txt")

    assert ("input.unreachable", True) == (result.code, result.retriable)


def test_web_url_stands_for_itself(web):
    assert [url(web, "/x?v=[1]")] == list_matches(url(web, "/x?v=[1]"))
