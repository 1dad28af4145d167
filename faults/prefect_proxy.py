"""HTTP proxy in front of a Prefect server that injects a fault from one request on."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

type Fault = Callable[["_Handler"], bool]
"""Handles a request instead of the server; returns true if the server shall get it nevertheless."""

_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_NEVER = 300  # seconds until a request without an answer ends; the command gives up before


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def handle_one_request(self) -> None:
        with suppress(OSError, HTTPException):  # one side has closed the connection
            super().handle_one_request()
            return
        self.close_connection = True

    def answer(self, status: int, body: bytes = b"{}", kind: str = "application/json") -> None:
        """Answer instead of the server."""
        self._body()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self) -> None:
        if not self.server.count_request() or self.server.fault(self):
            if self.headers.get("Upgrade"):
                self._tunnel()
            else:
                self._request()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815  # the names that http.server looks for

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
        """Copy the data of a websocket in both directions until one side closes."""
        with closing(socket.create_connection(self.server.behind)) as there:
            head = f"{self.requestline}\r\n{str(self.headers).replace('\r', '').replace('\n', '\r\n')}"
            there.sendall(head.encode("latin-1"))
            back = threading.Thread(target=_copy, args=(there, self.connection), daemon=True)
            back.start()
            _copy(self.connection, there)
            back.join()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _copy(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


class Proxy(ThreadingHTTPServer):
    """Proxy that passes requests on, except some of them, which get a fault.

    Args:
        url: URL of the API behind the proxy.
        fault: the fault.
        first: number of the first request that gets it.
        times: number of requests that get it.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str, fault: Fault, first: int, times: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(url)
        self.behind = parts.hostname or "", parts.port or 80
        self.fault = fault
        self.first, self.times = first, times
        self.requests = 0
        self._lock = threading.Lock()

    def count_request(self) -> bool:
        """Count a request, and return whether it gets the fault."""
        with self._lock:
            self.requests += 1
            return self.first <= self.requests < self.first + self.times

    def handle_error(self, *_: object) -> None:
        """Log nothing: a client that meets a fault may close its connection at any time."""


@contextmanager
def run_proxy(url: str, fault: Fault, first: int, times: int) -> Iterator[tuple[str, Proxy]]:
    """Run a proxy for the block, and yield the API URL through it."""
    with Proxy(url, fault, first, times) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}/api", proxy
        proxy.shutdown()


def answer_status(code: int) -> Fault:
    """Return a fault: an answer with this status."""

    def answer(request: _Handler) -> bool:
        request.answer(code)
        return False

    return answer


def answer_body(body: bytes, kind: str = "application/json") -> Fault:
    """Return a fault: an answer with status 200 and a meaningless body."""

    def answer(request: _Handler) -> bool:
        request.answer(200, body, kind)
        return False

    return answer


def delay_request(seconds: float) -> Fault:
    """Return a fault: the server gets the request after some seconds."""

    def wait(_request: _Handler) -> bool:
        time.sleep(seconds)
        return True

    return wait


def close_connection(request: _Handler) -> bool:
    """Close the connection without an answer."""
    request.close_connection = True
    request.connection.close()
    return False


def break_off_answer(request: _Handler) -> bool:
    """Begin an answer, then close the connection."""
    request.connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    )
    return close_connection(request)


def never_answer(_request: _Handler) -> bool:
    """Never answer."""
    time.sleep(_NEVER)
    return False
