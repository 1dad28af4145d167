"""Prefect out of reach, unwilling, badly set up or not there, each in a process of its own."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

RUN = """
import logging, sys
from pipeline_orchestration import PipelineRunner

runner = PipelineRunner(log_level="OFF", engine=sys.argv[1], output_dir="out", db_path="p.db")
for result in runner.run_many(["sample.txt", "other.txt"]):
    print(result.engine, result.code, result.error)
# What Prefect still says when Python ends comes after the run, when levels are put back.
logging.disable()
"""
HINT = "see that its API can be reached, or use --engine local"


class Unwilling(BaseHTTPRequestHandler):
    """Gives every request the same answer."""

    def do_GET(self):
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@contextmanager
def unwilling(status=401, body=b""):
    """Serve refusals, and yield the port."""
    with HTTPServer(("127.0.0.1", 0), Unwilling) as server:
        server.status, server.body = status, body
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_api_out_of_reach_is_an_error(python, sample, folder, monkeypatch):
    """Never a silent fallback; the message has the URL without password, and what to do."""
    with unwilling() as port:
        pass  # nobody listens there now
    monkeypatch.setenv("PREFECT_API_URL", f"http://me:secret@127.0.0.1:{port}/api")

    printed, logged = python(RUN, "auto")

    text = f"Prefect gave up: Failed to reach API at http://127.0.0.1:{port}/api/; {HINT}"
    assert [
        f"prefect orchestration.failed {text}",
        f"prefect orchestration.not_run not run after {sample} failed: orchestration.failed",
    ] == printed.splitlines()
    assert ("", [sample]) == (logged, [path for path in folder.iterdir() if path.name != ".prefect"])


def test_an_api_that_refuses_is_an_error(python, sample, monkeypatch):
    """Prefect names the URL with user and password; nobody else does."""
    with unwilling() as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://me:secret@127.0.0.1:{port}/api")
        printed, logged = python(RUN, "auto")

    assert printed.startswith(
        "prefect orchestration.failed Prefect gave up: Client error '401 Unauthorized' "
        f"for url 'http://127.0.0.1:{port}/api/admin/version'"
    )
    assert printed.splitlines()[0].endswith(HINT)
    assert "secret" not in printed + logged


def test_a_url_that_is_none_is_an_error_that_quotes_nothing(python, sample, monkeypatch):
    """Read as a URL, the password would be the port, and Prefect would name it."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secr/et@127.0.0.1:9/api")

    printed, logged = python(RUN, "auto")

    assert printed.startswith(
        "prefect orchestration.settings the URL of Prefect's API is none as https://user:password@host/api, "
    )
    assert "secr" not in printed + logged


def test_another_programs_answers_are_an_error(python, sample, monkeypatch):
    """Whatever Prefect stumbles over, which differs between releases."""
    with unwilling(200, b"{}") as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        printed, _ = python(RUN, "auto")

    first = printed.splitlines()[0]
    assert first.startswith("prefect orchestration.failed Prefect gave up: ")
    assert first.endswith(HINT)


def test_an_api_that_is_overloaded_is_given_up_in_time(python, sample, monkeypatch):
    """Prefect by itself goes on for two minutes; whoever sets its settings has what was set."""
    monkeypatch.setenv("PREFECT_CLIENT_RETRY_JITTER_FACTOR", "0")
    with unwilling(503) as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        start = time.monotonic()
        printed, _ = python(RUN, "auto")
        by_ours = time.monotonic() - start
        monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
        start = time.monotonic()
        python(RUN, "auto")
        by_theirs = time.monotonic() - start

    assert printed.startswith("prefect orchestration.failed Prefect gave up: ")
    assert 14 < by_ours < 60
    assert by_theirs < by_ours - 8


def test_a_temporary_server_that_does_not_start_is_an_error(python, sample, folder, monkeypatch):
    url = f"sqlite+aiosqlite:///{folder}/none/prefect.db"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)

    printed, _ = python(RUN, "prefect")

    assert printed.startswith(
        "prefect orchestration.failed the temporary Prefect server did not start: sqlalchemy.exc."
        "OperationalError: (sqlite3.OperationalError) unable to open database file; "
    )


def test_a_setting_that_prefect_refuses_is_an_error(python, sample, monkeypatch):
    """Prefect raises at its import, and prints a line of its own on standard error."""
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "often")

    printed, logged = python(RUN, "prefect")

    line = (
        "prefect orchestration.settings Prefect's settings cannot be used: "
        "heartbeat_frequency: Input should be a valid integer, unable to parse string as an integer"
    )
    assert [line, line] == printed.splitlines()
    assert "Traceback" not in logged


def test_settings_that_cannot_be_read_are_an_error(python, sample, folder):
    (folder / "prefect.toml").write_text("[api")

    printed, logged = python(RUN, "auto")

    assert ("", True) == (
        logged,
        printed.startswith("auto orchestration.settings Prefect's settings cannot be read: "),
    )


def test_a_temporary_server_does_where_there_is_none(sample, folder):
    """It says nothing, and is gone afterwards."""
    (folder / "other.txt").write_text("other")
    # In a process group of its own: whatever was started and is left is in it.
    started = subprocess.Popen(
        [sys.executable, "-c", RUN, "prefect"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    printed, logged = started.communicate()

    assert ("prefect None None\n" * 2, "") == (printed, logged)
    with pytest.raises(ProcessLookupError):
        os.killpg(started.pid, 0)


STRANGER = """
import httpx
from prefect.settings import PREFECT_API_URL
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

class Stranger(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        return httpx.post(f"{PREFECT_API_URL.value()}/flow_runs/filter", json={}).status_code

pipeline = PipelineDefinition("stranger").add_job("ask", lambda run: Stranger())
print(PipelineRunner(engine="prefect", pipeline=pipeline, log_level="OFF").run("x").output)
"""


def test_a_temporary_server_is_nobody_elses(python):
    """Whoever is on the machine may connect to it, and is asked for a password."""
    printed, _ = python(STRANGER)

    assert "401\n" == printed
