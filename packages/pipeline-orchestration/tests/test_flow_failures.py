"""Failures of Prefect: unreachable, refusing, badly configured. Each run is a process of its own."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

RUN = """
import logging, sys
from pipeline_orchestration import PipelineRunner

runner = PipelineRunner(log_level="OFF", engine=sys.argv[1], output_dir="out", db_path="p.db")
for result in runner.run_many(["sample.txt", "other.txt"]):
    print(result.engine, result.code, result.error)
# Prefect logs more when Python exits: the run is over then, and the levels are restored.
logging.disable()
"""
HINT = "check that its API can be reached, or use --engine local"


class RefusingHandler(BaseHTTPRequestHandler):
    """Gives every request the same answer."""

    def do_GET(self):
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Retry-After", "0.01")  # seconds; without it, Prefect waits 2, 4 and 8 s
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@contextmanager
def serve_refusals(status=401, body=b"", paths=None):
    """Refuse every request, and yield the port; append what is requested to `paths`."""
    with HTTPServer(("127.0.0.1", 0), RefusingHandler) as server:
        server.status, server.body, server.paths = status, body, [] if paths is None else paths
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_unreachable_api_is_an_error(python, sample, folder, monkeypatch):
    """There is no silent fallback. The message has the URL without the password, and a hint."""
    with serve_refusals() as port:
        pass  # from here on, nothing listens on the port
    monkeypatch.setenv("PREFECT_API_URL", f"http://me:secret@127.0.0.1:{port}/api")

    printed, logged = python(RUN, "auto")

    text = f"Prefect gave up: Failed to reach API at http://127.0.0.1:{port}/api/; {HINT}"
    assert [
        f"prefect orchestration.failed {text}",
        "prefect orchestration.not_run not run after sample.txt failed: orchestration.failed",
    ] == printed.splitlines()
    assert ("", [sample]) == (logged, [path for path in folder.iterdir() if path.name != ".prefect"])


def test_an_api_that_refuses_is_an_error(python, sample, monkeypatch):
    """Prefect's message holds the URL with user and password; ours does not."""
    with serve_refusals() as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://me:secret@127.0.0.1:{port}/api")
        printed, logged = python(RUN, "auto")

    assert printed.startswith(
        "prefect orchestration.failed Prefect gave up: Client error '401 Unauthorized' "
        f"for url 'http://127.0.0.1:{port}/api/admin/version'"
    )
    assert printed.splitlines()[0].endswith(HINT)
    assert "secret" not in printed + logged


def test_the_error_of_an_invalid_url_does_not_quote_it(python, sample, monkeypatch):
    """Part of the password would be read as the port, and Prefect would print it."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secr/et@127.0.0.1:9/api")

    printed, logged = python(RUN, "auto")

    assert printed.startswith("prefect orchestration.settings the URL of Prefect's API is invalid: ")
    assert "secr" not in printed + logged


def test_answers_of_another_program_are_an_error(python, sample, monkeypatch):
    """The exception that Prefect raises differs between releases."""
    with serve_refusals(200, b"{}") as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        printed, _ = python(RUN, "auto")

    first = printed.splitlines()[0]
    assert first.startswith("prefect orchestration.failed Prefect gave up: ")
    assert first.endswith(HINT)


@pytest.mark.parametrize(("retries", "requests"), [(None, 3), ("0", 1)])
def test_an_overloaded_api_is_asked_a_bounded_number_of_times(python, sample, monkeypatch, retries, requests):
    """Three times, where Prefect alone asks six times in two minutes; its setting overrides ours."""
    if retries is not None:
        monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", retries)
    paths = []
    with serve_refusals(503, paths=paths) as port:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
        printed, _ = python(RUN, "auto")

    assert printed.startswith("prefect orchestration.failed Prefect gave up: ")
    assert ["/api/admin/version"] * requests == paths


def test_an_ephemeral_server_that_does_not_start_is_an_error(python, sample, folder, monkeypatch):
    url = f"sqlite+aiosqlite:///{folder}/none/prefect.db"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)

    printed, _ = python(RUN, "prefect")

    assert printed.startswith(
        "prefect orchestration.failed the temporary Prefect server did not start: sqlalchemy.exc."
        "OperationalError: (sqlite3.OperationalError) unable to open database file; "
    )


def test_an_invalid_prefect_setting_is_an_error(python, sample, monkeypatch):
    """Prefect raises when it is imported, and prints a line on standard error."""
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "often")

    printed, logged = python(RUN, "prefect")

    line = (
        "prefect orchestration.settings Prefect's settings cannot be used: "
        "heartbeat_frequency: Input should be a valid integer, unable to parse string as an integer"
    )
    assert [line, line] == printed.splitlines()
    assert "Traceback" not in logged


def test_prefect_settings_that_cannot_be_read_are_an_error(python, sample, folder):
    (folder / "prefect.toml").write_text("[api")

    printed, logged = python(RUN, "auto")

    assert ("", True) == (
        logged,
        printed.startswith("auto orchestration.settings Prefect's settings cannot be read: "),
    )


@pytest.mark.usefixtures("shared_prefect_home")
@pytest.mark.xdist_group("ephemeral_server")
def test_without_an_api_an_ephemeral_server_is_used(sample, folder):
    """It prints nothing, and ends with the process."""
    (folder / "other.txt").write_text("other")
    # All processes that it starts are in its process group.
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "prefect"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    printed, logged = process.communicate()

    assert ("prefect None None\n" * 2, "") == (printed, logged)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


OUTSIDER = """
import httpx
from prefect.settings import PREFECT_API_URL
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

class Outsider(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        return httpx.post(f"{PREFECT_API_URL.value()}/flow_runs/filter", json={}).status_code

pipeline = PipelineDefinition("outsider").add_job("ask", lambda run: Outsider())
print(PipelineRunner(engine="prefect", pipeline=pipeline, log_level="OFF").run("x").output)
"""


@pytest.mark.usefixtures("shared_prefect_home")
@pytest.mark.xdist_group("ephemeral_server")
def test_an_ephemeral_server_requires_a_password(python):
    """Every user of the machine can connect to it."""
    printed, _ = python(OUTSIDER)

    assert "401\n" == printed
