"""Whether an API answers, and what is said if it does not: never a user, a password or a key."""

import errno
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline_orchestration import reachable
from pipeline_orchestration.prefect_settings import ApiUrl
from pipeline_orchestration.reachable import examine_api

KEY = "Prefect sends that of its settings; only a run shows whether it is the right one"
NO_URL = "is no URL that can be asked, or that of a proxy is not; correct it, or use --engine local"
NOT_PREFECT = (
    "answers with {}, but not as a Prefect API does; "
    "correct its URL, which for a server of one's own ends in /api, or use --engine local"
)


@contextmanager
def serving(status=200, kind="application/json", content=b"true", delay=0.0, location=None):
    """Serve one answer to all, and yield the port and what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
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
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def examined(url):
    """Examine an API, and return what was found as plain values."""
    finding = examine_api(ApiUrl(url, "the test"))
    said = (
        finding.found,
        finding.hint,
        finding.error and (finding.error.code, str(finding.error), finding.error.retriable),
    )
    assert "secret" not in repr(said)
    assert "Prefect API" == finding.what
    return said


def timeless(text):
    return re.sub(r"\d\.\d{3} s", "#.### s", text)


def test_prefects_own_server_answers(prefect_server):
    found, hint, error = examined(prefect_server)

    assert (f"{prefect_server} answers in #.### s", None, None) == (timeless(found), hint, error)


@pytest.mark.parametrize("path", ["/api", "/api/", "/deep/api"])
def test_it_is_asked_for_its_health_with_what_the_url_holds(path):
    with serving() as (port, asked):
        found, hint, error = examined(f"http://me:secret@127.0.0.1:{port}{path}")

    assert (f"http://127.0.0.1:{port}{path} answers in #.### s", None, None) == (timeless(found), hint, error)
    assert [(f"{path.rstrip('/')}/health", "Basic bWU6c2VjcmV0")] == asked


def test_it_may_have_moved():
    """Prefect follows, too."""
    with serving(location="/new/api/health") as (port, asked):
        assert examined(f"http://127.0.0.1:{port}/api")[2] is None

    assert ["/api/health", "/new/api/health"] == [path for path, _ in asked]


@pytest.mark.parametrize("status", [401, 403])
def test_one_that_asks_for_a_key_is_there(status):
    with serving(status) as (port, _):
        found, hint, error = examined(f"http://127.0.0.1:{port}/api")

    expected = f"http://127.0.0.1:{port}/api answers in #.### s and asks for a key"
    assert (expected, KEY, None) == (timeless(found), hint, error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "text/html"), (404, "application/json"), (500, "application/json"), (503, "text/html")],
)
def test_what_is_no_prefect_api_is_an_error(status, kind):
    """Prefect's own server answers with a page of its UI where the URL lacks its /api."""
    with serving(status, kind) as (port, _):
        said = examined(f"http://127.0.0.1:{port}?key=secret")

    url = f"http://127.0.0.1:{port}"
    assert (url, None, ("orchestration.unreachable", f"{url}: {NOT_PREFECT.format(status)}", True)) == said


def test_where_nobody_listens_is_an_error():
    with serving() as (port, _):
        pass
    said = examined(f"http://me:secret@127.0.0.1:{port}/api")

    url = f"http://127.0.0.1:{port}/api"
    refused = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    text = f"{url}: {refused}; start it, correct its URL, or use --engine local"
    assert (url, None, ("orchestration.unreachable", text, True)) == (said[0], said[1], said[2])


def test_one_that_does_not_answer_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(reachable, "_PATIENCE", 0.2)
    with serving(delay=0.5) as (port, _):
        said = examined(f"http://127.0.0.1:{port}/api")

    text = f"http://127.0.0.1:{port}/api: no answer within 0.2 s; start it, or use --engine local"
    assert ("orchestration.unreachable", text, True) == said[2]


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
def test_what_is_no_url_is_an_error(url, shown):
    """What is said of one could hold a part of its password: nothing is."""
    assert (shown, None, ("orchestration.unreachable", f"{shown}: {NO_URL}", True)) == examined(url)


def test_a_proxy_that_is_none_is_an_error(monkeypatch):
    monkeypatch.setenv("http_proxy", "gopher://me:secret@proxy")

    assert f"http://host/api: {NO_URL}" == examined("http://host/api")[2][1]
