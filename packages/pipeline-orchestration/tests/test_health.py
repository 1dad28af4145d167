"""Health check of an API; its messages never contain a user, a password or a key."""

import errno
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline_orchestration.engines.prefect import health
from pipeline_orchestration.engines.prefect.api_url import ApiUrl
from pipeline_orchestration.engines.prefect.health import examine_api

KEY = "Prefect sends the key of its settings; only a run shows whether it is the right one"
NO_URL = "the URL of the API or of a proxy is invalid; correct it, or use --engine local"
NOT_PREFECT = (
    "answers with {}, but not as a Prefect API does; "
    "correct its URL, which ends in /api for a server of your own, or use --engine local"
)


@contextmanager
def serve_answers(status=200, kind="application/json", content=b"true", delay=0.0, location=None):
    """Give every request the same answer; yield the port and the requests."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.path, self.headers.get("Authorization")))
            time.sleep(delay)
            self.send_response(302 if location and self.path != location else status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, requests
        server.shutdown()
        thread.join()


def examine(url):
    """Examine an API, and return the finding as plain values."""
    finding = examine_api(ApiUrl(url, "the test"))
    values = (
        finding.found,
        finding.hint,
        finding.error and (finding.error.code, str(finding.error), finding.error.retriable),
    )
    assert "secret" not in repr(values)
    assert "Prefect API" == finding.what
    return values


def hide_time(text):
    return re.sub(r"\d\.\d{3} s", "#.### s", text)


def test_prefects_own_server_answers(prefect_server):
    found, hint, error = examine(prefect_server)

    assert (f"{prefect_server} answers in #.### s", None, None) == (hide_time(found), hint, error)


@pytest.mark.parametrize("path", ["/api", "/api/", "/deep/api"])
def test_the_request_uses_the_credentials_in_the_url(path):
    with serve_answers() as (port, requests):
        found, hint, error = examine(f"http://me:secret@127.0.0.1:{port}{path}")

    assert (f"http://127.0.0.1:{port}{path} answers in #.### s", None, None) == (
        hide_time(found),
        hint,
        error,
    )
    assert [(f"{path.rstrip('/')}/health", "Basic bWU6c2VjcmV0")] == requests


def test_redirects_are_followed():
    """Prefect follows them, too."""
    with serve_answers(location="/new/api/health") as (port, requests):
        assert examine(f"http://127.0.0.1:{port}/api")[2] is None

    assert ["/api/health", "/new/api/health"] == [path for path, _ in requests]


@pytest.mark.parametrize("status", [401, 403])
def test_an_api_that_asks_for_a_key_is_reachable(status):
    with serve_answers(status) as (port, _):
        found, hint, error = examine(f"http://127.0.0.1:{port}/api")

    expected = f"http://127.0.0.1:{port}/api answers in #.### s and asks for a key"
    assert (expected, KEY, None) == (hide_time(found), hint, error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "text/html"), (404, "application/json"), (500, "application/json"), (503, "text/html")],
)
def test_an_answer_of_another_program_is_an_error(status, kind):
    """Prefect's own server answers with a page of its UI if the URL lacks /api."""
    with serve_answers(status, kind) as (port, _):
        values = examine(f"http://127.0.0.1:{port}?key=secret")

    url = f"http://127.0.0.1:{port}"
    assert (url, None, ("orchestration.unreachable", f"{url}: {NOT_PREFECT.format(status)}", True)) == values


def test_a_refused_connection_is_an_error():
    with serve_answers() as (port, _):
        pass
    values = examine(f"http://me:secret@127.0.0.1:{port}/api")

    url = f"http://127.0.0.1:{port}/api"
    refused = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    text = f"{url}: {refused}; start it, correct its URL, or use --engine local"
    assert (url, None, ("orchestration.unreachable", text, True)) == values


def test_no_answer_within_the_timeout_is_an_error(monkeypatch):
    monkeypatch.setattr(health, "_TIMEOUT", 0.2)
    with serve_answers(delay=0.5) as (port, _):
        values = examine(f"http://127.0.0.1:{port}/api")

    text = f"http://127.0.0.1:{port}/api: no answer within 0.2 s; start it, or use --engine local"
    assert ("orchestration.unreachable", text, True) == values[2]


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"])
def test_an_answer_without_end_is_an_error_or_enough(monkeypatch, begin):
    """A byte now and then: each timeout begins anew."""
    monkeypatch.setattr(health, "_LONGEST_TIME", 0.5)
    stopping = threading.Event()

    def answer(connection):
        with connection, suppress(OSError):
            connection.sendall(begin)
            while not stopping.wait(0.05):
                connection.sendall(b"H")

    def serve():
        while not stopping.is_set():
            answer(listening.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        found, _, error = examine(f"http://127.0.0.1:{listening.getsockname()[1]}/api")
        stopping.set()

    assert ("answers in" in found) == bool(begin)
    assert (error is None) == bool(begin)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://[::1", "http://[::1"),
        ("me:secret@host/api", "host/api"),
        ("http://me:secret/x@host/api", "http://host/api"),
        ("ftp://me:secret@host", "ftp://host"),
        (f"http://{70 * 'a'}.b/api", f"http://{70 * 'a'}.b/api"),
        ("/api", "/api"),
    ],
)
def test_an_invalid_url_is_an_error(url, shown):
    """The library's message could contain a part of the password, so it is not quoted."""
    assert (shown, None, ("orchestration.unreachable", f"{shown}: {NO_URL}", True)) == examine(url)


def test_an_invalid_proxy_is_an_error(monkeypatch):
    monkeypatch.setenv("http_proxy", "gopher://me:secret@proxy")

    assert f"http://host/api: {NO_URL}" == examine("http://host/api")[2][1]
