"""Files of a real server of the web, with and without what HTTP makes optional."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline_jobs import JobA, JobB, remote_matches
from pipeline_jobs.testing import MemoryStore

pytest.importorskip("aiohttp")


@pytest.fixture
def web():
    """A server on this machine: the content of its files by their path, and how it answers."""

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
def test_file_of_the_web_is_read(web, tmp_path, parts, sizes):
    """Also from a server that says no size, or cannot answer with a part: B looks at the end first."""
    web.parts, web.sizes = parts, sizes
    web.files["/a%20b.txt?v=1"] = b"one\n\ntwo\n"

    document = JobA(tmp_path).execute(url(web, "/a%20b.txt?v=1")).unwrap()
    web.files["/x.json"] = document.read_bytes()
    store = MemoryStore()
    loaded = JobB(store).execute(url(web, "/x.json")).unwrap()

    assert tmp_path / "a%20b_processed.json" == document
    assert ["one", "two"] == [record.content for record in store.batches[loaded]]
    assert url(web, "/a%20b.txt?v=1") == next(iter(store._identities.values()))[0]


def test_file_that_is_written_to_is_refused(web, tmp_path):
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
def test_answer_that_is_none_has_its_code(web, tmp_path, status, code, retriable):
    web.files["/x.txt"] = b""
    web.status = status

    result = JobA(tmp_path).execute(url(web, "/x.txt" if status != 404 else "/none"))

    assert (code, retriable) == (result.code, result.retriable)


def test_server_that_is_not_there_is_unreachable(web, tmp_path):
    result = JobA(tmp_path).execute("http://127.0.0.1:1/x.txt")

    assert ("input.unreachable", True) == (result.code, result.retriable)


def test_url_of_the_web_stands_for_itself(web):
    assert [url(web, "/x?v=[1]")] == remote_matches(url(web, "/x?v=[1]"))
