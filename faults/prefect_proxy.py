"""A proxy in front of a Prefect server that does something else to the requests from a certain one on."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

type Trouble = Callable[["_Handler"], bool]
"""What is done about a request; returns whether it shall go on to the server all the same."""

_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_LONGEST = 300  # seconds that one who is never answered is kept waiting; the command gives up before


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def handle_one_request(self) -> None:
        with suppress(OSError, HTTPException):  # one side has gone
            super().handle_one_request()
            return
        self.close_connection = True

    def answer(self, status: int, body: bytes = b"{}", kind: str = "application/json") -> None:
        """Answer in place of the server."""
        self._body()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self) -> None:
        if not self.server.applies() or self.server.trouble(self):
            if self.headers.get("Upgrade"):
                self._tunnel()
            else:
                self._request()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815  # as http.server looks for them

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _request(self) -> None:
        with closing(HTTPConnection(*self.server.behind, timeout=60)) as connection:
            connection.request(self.command, self.path, self._body(), dict(self.headers))
            answer: HTTPResponse = connection.getresponse()
            body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _tunnel(self) -> None:
        """Pass on what a websocket says, both ways, until one side ends."""
        with closing(socket.create_connection(self.server.behind)) as there:
            head = f"{self.requestline}\r\n{str(self.headers).replace('\r', '').replace('\n', '\r\n')}"
            there.sendall(head.encode("latin-1"))
            back = threading.Thread(target=_copied, args=(there, self.connection), daemon=True)
            back.start()
            _copied(self.connection, there)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _copied(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


class Proxy(ThreadingHTTPServer):
    """Passes requests on, and does something else from one of them on.

    Args:
        url: of the API behind.
        trouble: what is done.
        first: the number of the first request to which it is done.
        times: to how many.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str, trouble: Trouble, first: int, times: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(url)
        self.behind = parts.hostname or "", parts.port or 80
        self.trouble = trouble
        self.first, self.times = first, times
        self.requests = 0
        self._lock = threading.Lock()

    def applies(self) -> bool:
        """Count a request, and return whether it is to be troubled."""
        with self._lock:
            self.requests += 1
            return self.first <= self.requests < self.first + self.times

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever is troubled closes what it likes."""


@contextmanager
def proxied(url: str, trouble: Trouble, first: int, times: int) -> Iterator[tuple[str, Proxy]]:
    """Serve a proxy for the block, and yield the URL of the API as it is through it."""
    with Proxy(url, trouble, first, times) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}/api", proxy
        proxy.shutdown()


def status(code: int) -> Trouble:
    """Answer with a status."""
    return lambda request: bool(request.answer(code))


def garbage(body: bytes, kind: str = "application/json") -> Trouble:
    """Answer that all is well, with nonsense."""
    return lambda request: bool(request.answer(200, body, kind))


def late(seconds: float) -> Trouble:
    """Let the request go on after a while."""

    def wait(_request: _Handler) -> bool:
        time.sleep(seconds)
        return True

    return wait


def closed(request: _Handler) -> bool:
    """Close the connection without a word."""
    request.close_connection = True
    request.connection.close()
    return False


def half(request: _Handler) -> bool:
    """Begin an answer, and close the connection."""
    request.connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    return closed(request)


def silent(_request: _Handler) -> bool:
    """Answer never."""
    time.sleep(_LONGEST)
    return False
