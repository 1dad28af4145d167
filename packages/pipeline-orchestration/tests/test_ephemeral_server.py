"""The ephemeral Prefect server: start, failed start, and end with the process that started it."""

import ast
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from pipeline_orchestration import OrchestrationError
from pipeline_orchestration.engines.prefect.ephemeral_server import EphemeralServer

pytestmark = [pytest.mark.usefixtures("shared_prefect_home"), pytest.mark.xdist_group("ephemeral_server")]

# The starter prints the URL of its server, forks a child, and waits. The child outlives it.
START = """
import os, time
from pipeline_orchestration.engines.prefect.ephemeral_server import EphemeralServer

print(EphemeralServer().wait_for_url(), flush=True)
os.fork()
time.sleep(120)
"""

# Workers send logs and events. For that, Prefect may start a second server of its own.
SPREAD = """
import os, subprocess
from pathlib import Path
from pipeline_orchestration import PipelineRunner

Path("x.txt").write_text("one\\n")
where = {"output_dir": "o", "db_path": "p.db"}
runner = PipelineRunner(
    engine="prefect", task_runner="processes", concurrency=2, log_level="WARNING", **where
)
print([result.code for result in runner.run_many(["x.txt", "none.txt"])])
listed = subprocess.run(["ps", "-A", "-ww", "-o", "ppid=,args="], capture_output=True, text=True).stdout
rows = [line.split(maxsplit=1) for line in listed.splitlines()]
print([command for parent, command in rows if int(parent) == os.getpid() and "prefect" in command])
"""

THREADED = """
import logging
from threading import Thread
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

log = logging.getLogger("threaded")

class Threaded(BaseJob):
    __module__ = "threaded"

    def validate_input(self, value):
        return value

    def single_job(self, value):
        thread = Thread(target=log.info, args=["said in a thread"])
        thread.start()
        thread.join()

pipeline = PipelineDefinition("threaded").add_job("talk", lambda run: Threaded())
result = PipelineRunner(pipeline=pipeline, engine="prefect", output_dir="o", db_path="p.db").run("x")
print(result.run_id)
"""

SCRIPT = "ephemeral_server_main.py"


@pytest.fixture
def starter():
    """A process that starts a server; the process and its child are killed after the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", START], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def find_servers(pid):
    """Return the servers among the children of a process."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(child) for child, parent, command in rows if int(parent) == pid and SCRIPT in command]


def wait_for(condition):
    """Wait until a condition holds, and return its value; after a minute it may be false."""
    deadline = time.monotonic() + 60
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def is_running(pid):
    """Return whether a process exists and is not a zombie."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in ("", "Z")


def wait_for_server(starter):
    """Return the process id of its server, once that is started."""
    (server,) = wait_for(lambda: find_servers(starter.pid))
    return server


def test_the_server_ends_with_a_process_that_is_killed(starter):
    """Even if a child of that process is still running."""
    assert starter.stdout.readline().startswith("http://127.0.0.1:")
    server = wait_for_server(starter)
    assert is_running(server)

    starter.kill()

    assert wait_for(lambda: not is_running(server))


@pytest.mark.parametrize("pause", [0, 0.5])
def test_the_server_ends_with_a_process_that_is_killed_during_its_start(starter, pause):
    server = wait_for_server(starter)
    time.sleep(pause)

    starter.kill()

    assert wait_for(lambda: not is_running(server))


def test_threads_share_a_server_until_it_is_stopped():
    server = EphemeralServer()
    urls = []
    threads = [threading.Thread(target=lambda: urls.append(server.wait_for_url())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = urls
    port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/api", first)[1])

    server.stop()

    assert first == second
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection("127.0.0.1", port).connect()


def test_a_server_is_not_started_twice():
    """Even if other variables are given the second time."""
    server = EphemeralServer()
    server.begin({})
    (started,) = find_servers(os.getpid())

    url = server.wait_for_url({"PREFECT_API_DATABASE_CONNECTION_URL": "none"})

    assert [started] == find_servers(os.getpid())
    assert url == server.wait_for_url()
    server.stop()
    assert [] == find_servers(os.getpid())


def test_a_server_whose_url_nobody_needs_is_stopped_too():
    server = EphemeralServer()
    server.begin({})

    server.stop()

    assert [] == find_servers(os.getpid())


def test_the_error_of_a_failed_start_holds_the_reason(folder):
    """The last error that the server printed, with odd characters escaped."""
    variables = {"PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/none/prefect.db"}
    server = EphemeralServer()

    with pytest.raises(OrchestrationError) as caught:
        server.wait_for_url(variables)

    assert "orchestration.failed" == caught.value.code
    assert (
        "the temporary Prefect server did not start: sqlalchemy.exc.OperationalError: "
        "(sqlite3.OperationalError) unable to open database file; correct this, or use --engine local"
    ) == str(caught.value)
    assert [] == find_servers(os.getpid())


def test_prefect_starts_no_second_server(python):
    """To send the logs of workers, Prefect would start one, with telemetry."""
    printed, logged = python(SPREAD)

    codes, servers = printed.splitlines()
    assert "[None, 'input.missing']" == codes
    (server,) = ast.literal_eval(servers)
    assert SCRIPT in server
    assert "telemetry" not in logged
    assert "Stopping temporary server" not in logged


def test_a_record_of_a_jobs_thread_is_on_the_page_without_a_second_server(python):
    """The thread does not know Prefect's settings, which say where the server is."""
    run, logged = python(THREADED)

    with closing(sqlite3.connect(Path(os.environ["PREFECT_HOME"], "prefect.db"))) as database:
        query = "SELECT message FROM log WHERE flow_run_id = ? AND name = 'threaded'"
        assert [("said in a thread",)] == database.execute(query, [run.strip()]).fetchall()
    assert "telemetry" not in logged
    assert "temporary server" not in logged
