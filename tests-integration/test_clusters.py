"""Inputs spread by Dask and by Ray: over workers that a run starts for itself, or that are there already."""

import json
import logging
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_orchestration import PipelineRunner

INPUTS = ["0.txt", "1.txt", "missing.txt", "2.txt"]
# Seconds to wait for the process by which a head serves a client: Ray's own 30 are few on a busy machine.
PATIENCE_OF_RAY = (
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S",
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S",
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S",
    "TIMEOUT_FOR_SPECIFIC_SERVER_S",
)
CONTENTS = "SELECT content, count(*) FROM finalized_records GROUP BY 1 ORDER BY 1"


def needs(module):
    """Skip where an extra is not installed."""
    return pytest.mark.skipif(not find_spec(module), reason=f"{module} is not installed")


RUNNERS = [pytest.param(name, marks=needs(f"prefect_{name}")) for name in ("dask", "ray")]


@pytest.fixture
def on_prefect(folder, prefect_server, monkeypatch):
    """A Prefect server that is configured, and files, one of which is missing."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers of these runs
    for number, name in enumerate(name for name in INPUTS if name != "missing.txt"):
        Path(name).write_text(f"{number}\n", encoding="utf-8")


@contextmanager
def dask_cluster():
    """Run a scheduler and two workers as processes of their own, and lend the scheduler's address."""
    words = ("--host", "127.0.0.1", "--no-dashboard")
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *words]
    worker = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        "--nworkers",
        "2",
        "--nthreads",
        "1",
        *words,
    ]
    file = ("--scheduler-file", "scheduler.json")
    with Path("cluster.log").open("wb") as log:
        started = [
            subprocess.Popen([*words, *file], stdout=log, stderr=log, start_new_session=True)
            for words in (scheduler, worker)
        ]
    try:
        for _ in range(600):
            if Path("scheduler.json").exists() and "Registered to" in Path("cluster.log").read_text():
                break
            time.sleep(0.1)
        yield json.loads(Path("scheduler.json").read_text())["address"]
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@contextmanager
def ray_cluster(folder):
    """Run a head of Ray with two workers, which asks for a token, and lend its address."""
    import psutil  # Dask and Ray bring it

    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        port, client = (each.getsockname()[1] for each in (one, two))
    words = ("--head", "--block", "--num-cpus", "2", "--include-dashboard=false", "--disable-usage-stats")
    where = ("--node-ip-address", "127.0.0.1", "--port", str(port), "--ray-client-server-port", str(client))
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *where, "--temp-dir", folder]
    with Path("cluster.log").open("wb") as log:
        head = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(1200):
            if "Ray runtime started" in Path("cluster.log").read_text():
                break
            time.sleep(0.1)
        yield f"ray://127.0.0.1:{client}"
    finally:
        # Asked to end, it takes half a minute.
        for process in [*psutil.Process(head.pid).children(recursive=True), head]:
            process.kill()
        head.wait()


def ran(*words, level="OFF"):
    """Run the command over the inputs; return its exit code, what it said and the codes of its results."""
    whole = ["pipeline", "--log-level", level, "run-all", *INPUTS, *words, "--json"]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    print(done.stdout)  # noqa: T201  # shown where a test fails
    runs = json.loads(done.stdout)["runs"]
    assert [str(Path(name)) for name in INPUTS] == [each["input"] for each in runs]
    return done.returncode, done.stderr, [each["error"] and each["error"]["code"] for each in runs]


def contents():
    with closing(sqlite3.connect("data/pipeline.db")) as connection:
        return connection.execute(CONTENTS).fetchall()


@pytest.mark.parametrize("name", RUNNERS)
def test_every_input_has_its_own_result_and_is_there_once(on_prefect, name):
    """And to one who asked for no logs, workers say nothing."""
    assert (3, "", [None, None, "input.missing", None]) == ran("--task-runner", name, "--concurrency", "2")
    assert [("0", 1), ("1", 1), ("2", 1)] == contents()


@needs("prefect_dask")
def test_a_cluster_that_is_there_is_used(on_prefect):
    """What its workers log is theirs; a failure is told there without a traceback."""
    with dask_cluster() as address:
        done = ran("--dask-address", address, level="ERROR")
        log = Path("cluster.log").read_text()

    assert (3, [None, None, "input.missing", None]) == (done[0], done[2])
    assert [("0", 1), ("1", 1), ("2", 1)] == contents()
    assert "no such file" in log
    assert "Traceback" not in log


@needs("prefect_dask")
def test_a_cluster_that_is_not_there_is_an_error(on_prefect, monkeypatch):
    from pipeline_orchestration.on_prefect import task_runners

    monkeypatch.setattr(task_runners, "_PATIENCE", 0.5)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    (result,) = PipelineRunner(dask_address="tcp://127.0.0.1:9", log_level="OFF").run_many(["0.txt"])

    assert "orchestration.task_runner" == result.code
    assert result.error.startswith("the Dask cluster at tcp://127.0.0.1:9 cannot be reached: ")


@needs("prefect_ray")
def test_a_ray_cluster_that_is_there_is_used(on_prefect, monkeypatch):
    """With the token that it asks for, as it does unless told otherwise."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    for name in PATIENCE_OF_RAY:
        monkeypatch.setenv(name, "120")
    with (
        TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as short,
        ray_cluster(short) as address,
    ):
        for _ in range(3):  # on a busy machine, Ray's own processes wait for each other in vain now and then
            code, _, codes = ran("--ray-address", address)
            if code != 8:
                break

    assert (3, [None, None, "input.missing", None]) == (code, codes)
    assert [("0", 1), ("1", 1), ("2", 1)] == contents()


@needs("prefect_ray")
def test_a_ray_cluster_that_is_not_there_is_an_error(on_prefect, monkeypatch):
    """In plain words, and without a warning of Ray's."""
    monkeypatch.setenv("RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S", "1")  # of thirty seconds
    monkeypatch.setenv("RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S", "1")
    command = ["pipeline", "--log-level", "OFF", "run", "0.txt", "--ray-address", "ray://127.0.0.1:9"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    (line,) = done.stderr.splitlines()
    assert 8 == done.returncode
    assert line.startswith("Error: 0.txt: the Ray cluster at ray://127.0.0.1:9 cannot be reached: ")
    assert line.endswith("set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN [orchestration.task_runner]")
