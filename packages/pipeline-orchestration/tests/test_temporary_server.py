"""The temporary server answers, says why it cannot start, and ends when the process does that started it."""

import ast
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import pytest

from pipeline_orchestration import OrchestrationError
from pipeline_orchestration.on_prefect.temporary_server import TemporaryServer

# A starter says where its server is, forks a child that outlives it, and waits.
START = """
import os, time
from pipeline_orchestration.on_prefect.temporary_server import TemporaryServer

print(TemporaryServer().url(), flush=True)
if os.fork():
    time.sleep(60)
else:
    time.sleep(10)
"""

# With what may make Prefect start a server of its own beside ours: workers with logs and events to send.
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

SCRIPT = "server_process.py"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A home of Prefect for all servers here: with a new database each would take 20 s to start."""
    return tmp_path_factory.mktemp("migrated")


@pytest.fixture(autouse=True)
def home(folder, migrated, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(migrated))


@pytest.fixture
def starter():
    """A process that starts a server; it and its child are ended after the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", START], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def servers(pid):
    """The servers among the children of a process."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(child) for child, parent, command in rows if int(parent) == pid and SCRIPT in command]


def eventually(happens):
    """Whether something happens within five seconds."""
    deadline = time.monotonic() + 5
    while not (found := happens()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def running(pid):
    """Whether a process is there, and no zombie that nobody has waited for."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in ("", "Z")


def server_of(starter):
    """The process id of its server, which it may still be about to start."""
    (server,) = eventually(lambda: servers(starter.pid))
    return server


def test_it_ends_with_a_process_that_is_killed(starter):
    """Though a child of that one lives on."""
    assert starter.stdout.readline().startswith("http://127.0.0.1:")
    server = server_of(starter)
    assert running(server)

    starter.kill()

    assert eventually(lambda: not running(server))


@pytest.mark.parametrize("pause", [0, 0.5, 2])
def test_it_ends_with_a_process_that_is_killed_before_it_answers(starter, pause):
    server = server_of(starter)
    time.sleep(pause)

    starter.kill()

    assert eventually(lambda: not running(server))


def test_threads_share_it_and_it_is_gone_when_it_is_stopped():
    server = TemporaryServer()
    urls = []
    threads = [threading.Thread(target=lambda: urls.append(server.url())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = urls
    port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/api", first)[1])
    start = time.monotonic()

    server.stop()

    assert first == second
    assert time.monotonic() - start < 3
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection("127.0.0.1", port).connect()


def test_one_that_is_begun_is_waited_for():
    """And is not started again, whatever the settings are by then."""
    server = TemporaryServer()
    server.begin({})
    (begun,) = servers(os.getpid())

    url = server.url({"PREFECT_API_DATABASE_CONNECTION_URL": "none"})

    assert [begun] == servers(os.getpid())
    assert url == server.url()
    server.stop()
    assert [] == servers(os.getpid())


def test_one_that_is_begun_and_never_asked_for_ends():
    server = TemporaryServer()
    server.begin({})

    server.stop()

    assert [] == servers(os.getpid())


def test_one_that_cannot_start_says_why(folder):
    """In its own last words, made printable."""
    variables = {"PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/none/prefect.db"}
    server = TemporaryServer()

    with pytest.raises(OrchestrationError) as caught:
        server.url(variables)

    assert "orchestration.failed" == caught.value.code
    assert (
        "the temporary Prefect server did not start: sqlalchemy.exc.OperationalError: "
        "(sqlite3.OperationalError) unable to open database file; see to it, or use --engine local"
    ) == str(caught.value)
    assert [] == servers(os.getpid())


def test_it_is_the_only_one(python):
    """Also where Prefect hands on what workers have to tell: it would start another, which phones home."""
    printed, logged = python(SPREAD)

    codes, servers = printed.splitlines()
    assert "[None, 'input.missing']" == codes
    (server,) = ast.literal_eval(servers)
    assert SCRIPT in server
    assert "telemetry" not in logged
    assert "Stopping temporary server" not in logged
