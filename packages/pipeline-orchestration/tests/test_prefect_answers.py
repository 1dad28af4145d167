"""Answers of Prefect's API that are valid, or nearly so, and that no run expects."""

import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.engines.prefect import client_settings

STATE = {"id": "00000000-0000-4000-8000-000000000000", "timestamp": "2026-01-01T00:00:00Z"}


def make_answer(status, *, state=None, **details):
    """Return an answer to a proposed state."""
    kind = f"{status.lower()}_details"
    whole = state and STATE | {"type": state, "name": state.title(), "message": None}
    return {"status": status, "state": whole, "details": {"type": kind, **details}}


@contextmanager
def run_proxy(url, answer, first):
    """Pass requests on to an API, but answer proposed states from the first-th on; yield the proxy's URL."""
    proposed = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.endswith("/set_state"):
                proposed.append(self.path)
                if len(proposed) >= first:
                    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                    self.reply(200, {"Content-Type": "application/json"}, data)
                    return
            connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
            passed = {name: text for name, text in self.headers.items() if name.lower() != "accept-encoding"}
            connection.request(self.command, self.path, body, passed)
            found = connection.getresponse()
            kept = {name: value for name, value in found.getheaders() if name.lower() == "content-type"}
            self.reply(found.status, kept, found.read())
            connection.close()

        do_GET = do_POST = do_PATCH = do_PUT = pass_on  # noqa: N815  # the names that http.server looks for

        def reply(self, status, headers, data):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.fixture
def run(prefect_server, folder, sample):
    """Run the sample against an API that answers proposed states from the first-th on."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    def run_sample(answer, first=1):
        with (
            run_proxy(PREFECT_API_URL.value(), answer, first) as url,
            temporary_settings({PREFECT_API_URL: url}),
        ):
            return PipelineRunner(engine="prefect", output_dir="out", db_path="p.db", log_level="OFF").run(
                sample
            )

    return run_sample


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (make_answer("ABORT", reason="no\x1b[31m"), "no\\x1b[31m"),
        (make_answer("ABORT", reason=None), "its API has stopped the run"),
        (make_answer("REJECT", state="PAUSED", reason="later"), "later"),
        (make_answer("REJECT", state="COMPLETED", reason="done"), "its API has refused the run"),
        (make_answer("REJECT", state="CANCELLED", reason="no"), "its API has refused the run"),
        (make_answer("WAIT", delay_seconds=10**9), "makes the run wait"),
        (make_answer("WAIT", delay_seconds=10**300), ""),
        (make_answer("WAIT", delay_seconds=-1), ""),
        (make_answer("MAYBE"), ""),
        (make_answer("ACCEPT"), ""),
        (make_answer("REJECT"), ""),
        (b"null", ""),
        (b"[[[", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_run_that_the_api_refuses_fails_in_words(run, answer, reason):
    result = run(answer)

    assert (False, "orchestration.failed") == (result.success, result.code)
    assert reason in result.error
    assert result.error.isprintable()
    assert "internal" not in result.error


@pytest.mark.parametrize(
    "answer", [make_answer("WAIT", delay_seconds=0), make_answer("REJECT", state="PENDING", reason="not yet")]
)
def test_an_api_cannot_make_a_run_wait_for_ever(run, monkeypatch, answer):
    monkeypatch.setattr(client_settings, "_LONGEST_WAIT", 0.5)

    result = run(answer)

    assert ("orchestration.failed", True) == (result.code, "makes the run wait" in result.error)


def test_a_run_that_is_done_stays_done(run):
    """The API refuses its last state."""
    for answer in (make_answer("ABORT", reason="no"), make_answer("WAIT", delay_seconds=10**9)):
        result = run(answer, first=2)

        assert result.success
