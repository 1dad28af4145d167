"""Web servers that lie: what they send is held to what was asked for, in bounded memory."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

from sweep import Point, require

from pipeline_jobs.storage import remote_input

from .bounded import run_bounded

_MIB = 1 << 20
_MAX_DOWNLOAD = 100 * _MIB
"""In place of 16 GiB, which would take minutes."""


class _Handler(BaseHTTPRequestHandler):
    """Answers as the server says."""

    server: "_Server"

    def do_GET(self) -> None:
        """Answer a request."""
        with suppress(OSError):
            self.server.answer(self)

    do_HEAD = do_GET  # noqa: N815  # as http.server calls it

    def say(self, status: int, **headers: object) -> None:
        """Send the status and the headers, with a dash for each underscore in their names."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send(self, size: int) -> None:
        """Send so many bytes of lines, unless only the headers are asked for."""
        block = b"a line\n" * 100_000
        while self.command == "GET" and size > 0:
            size -= self.wfile.write(block[:size])

    def log_message(self, *_: object) -> None:
        """Print nothing."""


type _Answer = Callable[[_Handler], None]


class _Server(ThreadingHTTPServer):
    """A server on a free port of this machine."""

    daemon_threads = True

    def __init__(self, answer: _Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer

    def handle_error(self, *_: object) -> None:
        """Print nothing: the reader may close a connection when it has seen enough."""


@contextmanager
def _serve(answer: _Answer) -> Iterator[str]:
    with _Server(answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _send_longer_part(said: int, sent: int, handler: _Handler) -> None:
    if handler.command == "HEAD":
        handler.say(200, Content_Length=said)
    else:
        handler.say(206, Content_Range=f"bytes 0-{said - 1}/{said}", Content_Length=sent)
        handler.send(sent)


def _send_longer_file(said: int, sent: int, handler: _Handler) -> None:
    length = said if handler.command == "HEAD" else sent
    handler.say(200, Accept_Ranges="none", Content_Length=length)
    handler.send(sent)


def _send_endless_file(size: int, handler: _Handler) -> None:
    handler.say(200)
    handler.send(size)


def _send_other_part(first: int, handler: _Handler) -> None:
    if handler.command == "HEAD":
        handler.say(200, Content_Length=8)
    else:
        handler.say(206, Content_Range=f"bytes {first}-{first + 7}/8", Content_Length=8)
        handler.send(8)


def _send_beginning_again(size: int, handler: _Handler) -> None:
    handler.say(200, Content_Length=size)
    handler.send(size)


def _send_less(said: int, handler: _Handler) -> None:
    if handler.command == "HEAD":
        handler.say(200, Content_Length=said)
    elif handler.headers.get("Range", "").startswith("bytes=0-"):
        handler.say(206, Content_Range=f"bytes 0-7/{said}", Content_Length=8)
        handler.send(8)
    else:
        handler.say(416)


def _send_size(size: str, handler: _Handler) -> None:
    handler.say(200, Content_Length=size)
    handler.send(8)


def _send_compressed(megabytes: int, handler: _Handler) -> None:
    body = gzip.compress(b"x\n" * (_MIB // 2)) * megabytes
    handler.say(200, Content_Encoding="gzip", Content_Length=len(body))
    if handler.command == "GET":
        handler.wfile.write(body)


def _send_headers(number: int, handler: _Handler) -> None:
    handler.say(200, **{f"X-{count}": "x" * 1000 for count in range(number)})


def _redirect(handler: _Handler) -> None:
    handler.say(302, Location=f"{handler.path}x", Content_Length=0)


def _draw_answers(chance: Random) -> Iterator[tuple[str, _Answer]]:
    said, sent = chance.randrange(8, 1000), chance.randrange(1 << 30, 6 << 30)
    yield f"a part of {sent} bytes, where {said} were said", partial(_send_longer_part, said, sent)
    yield f"a file of {sent} bytes, where {said} were said", partial(_send_longer_file, said, sent)
    yield f"{sent} bytes of no known size", partial(_send_endless_file, sent)
    first = chance.randrange(1, 1000)
    yield f"a part that begins at byte {first}, not 0", partial(_send_other_part, first)
    size = chance.randrange(9 * _MIB, 20 * _MIB)
    yield f"always the beginning of {size} bytes", partial(_send_beginning_again, size)
    yield f"8 bytes, where {said + 8} were said", partial(_send_less, said + 8)
    for text in ("-5", "0x10", str(2**70), "8, 9"):
        yield f"the size {text}", partial(_send_size, text)
    yield "1 GiB in a compressed answer", partial(_send_compressed, 1024)
    yield "endless headers", partial(_send_headers, chance.randrange(10_000, 100_000))
    yield "endless redirects", _redirect


def make_web_points(chance: Random) -> list[Point]:
    """Make a point for each lie: all of them are refused."""
    return [
        Point(f"a web server that sends {what}", partial(_check_answer, answer))
        for what, answer in _draw_answers(chance)
    ]


def _check_answer(answer: _Answer, folder: Path) -> str:
    def limit_download() -> None:
        remote_input._MAX_DOWNLOAD = _MAX_DOWNLOAD  # noqa: SLF001  # there is no setting for it

    with _serve(answer) as url:
        outcome = run_bounded(["run-all", f"{url}/x.txt"], folder, limit_download)
    require(outcome == "exit 3", outcome)
    require(not list((folder / "data/output").glob("*")), "something is left")
    return outcome
