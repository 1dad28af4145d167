"""Inputs on workers of Dask and of Ray: those that a run starts, and those of a running cluster."""

import fcntl
import http.client
import json
import logging
import os
import secrets
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_orchestration import PipelineRunner

INPUTS = ["0.txt", "1.txt", "missing.txt", "2.txt"]
# How long Ray waits for the process that serves a client: its own 30 s are too short on a busy machine.
RAY_TIMEOUTS = (
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S",
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S",
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S",
    "TIMEOUT_FOR_SPECIFIC_SERVER_S",
)
# Other waits of 30 s are constants in Ray; what they end is started again.
RAY_ATTEMPTS = 3
CONTENTS = "SELECT content, count(*) FROM finalized_records GROUP BY 1 ORDER BY 1"


def skip_unless(module):
    """Skip a test if an extra is not installed."""
    return pytest.mark.skipif(not find_spec(module), reason=f"{module} is not installed")


# Only ends a test that hangs: with all attempts, a test of Ray on a busy machine takes minutes.
pytestmark = [pytest.mark.timeout(1500), pytest.mark.xdist_group("ray")]

RUNNERS = [pytest.param(name, marks=skip_unless(f"prefect_{name}")) for name in ("dask", "ray")]


@pytest.fixture
def on_prefect(folder, prefect_server, monkeypatch):
    """Configure the Prefect server, and write all inputs but one."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send usage statistics
    for number, name in enumerate(name for name in INPUTS if name != "missing.txt"):
        Path(name).write_text(f"{number}\n", encoding="utf-8")


@contextmanager
def dask_cluster():
    """Run a scheduler and two workers as processes, and yield the scheduler's address."""
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
def ray_cluster():
    """Run a head of Ray with two workers, which asks for a token, and yield its address."""
    for _ in range(RAY_ATTEMPTS):
        with ray_head() as address:
            if address:
                yield address
                return
    pytest.fail(f"Ray's head did not start:\n{Path('cluster.log').read_text()}")


@contextmanager
def ray_head():
    """Start a head of Ray, and yield its address, or None if it ends before it is ready."""
    import psutil  # a dependency of Dask and of Ray

    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        port, client = (each.getsockname()[1] for each in (one, two))
    words = ("--head", "--block", "--num-cpus", "2", "--include-dashboard=false", "--disable-usage-stats")
    where = ("--node-ip-address", "127.0.0.1", "--port", str(port), "--ray-client-server-port", str(client))
    # The path is short: Ray's sockets lie below it.
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *where, "--temp-dir", folder]
        with Path("cluster.log").open("wb") as log:
            head = psutil.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            while not (started := "Ray runtime started" in Path("cluster.log").read_text()):
                if head.poll() is not None:
                    break
                time.sleep(0.1)
            yield f"ray://127.0.0.1:{client}" if started else None
        finally:
            # Kill it: after SIGTERM it takes half a minute.
            for process in psutil.process_iter(["cmdline"]):
                if folder in " ".join(process.info["cmdline"] or ()):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            head.wait()


def run_all(*words, level="OFF"):
    """Run the command on all inputs; return its exit code, standard error and the error code of each run."""
    whole = ["pipeline", "--log-level", level, "run-all", *INPUTS, *words, "--json"]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    print(done.stdout)  # noqa: T201  # shown if a test fails
    runs = json.loads(done.stdout)["runs"]
    assert [str(Path(name)) for name in INPUTS] == [each["input"] for each in runs]
    return done.returncode, done.stderr, [each["error"] and each["error"]["code"] for each in runs]


def run_until_started(*words):
    """Run the command again if Ray's processes do not start in time."""
    for _ in range(RAY_ATTEMPTS):
        done = run_all(*words)
        if done[0] != 8:
            break
    return done


def read_contents():
    with closing(sqlite3.connect("data/pipeline.db")) as connection:
        return connection.execute(CONTENTS).fetchall()


@pytest.mark.parametrize("name", RUNNERS)
def test_every_input_has_its_own_result_and_is_loaded_once(on_prefect, name):
    """With the log level OFF, workers print nothing."""
    done = run_until_started("--task-runner", name, "--concurrency", "2")

    assert (3, "", [None, None, "input.missing", None]) == done
    assert [("0", 1), ("1", 1), ("2", 1)] == read_contents()


WAITING = """
import time
from pathlib import Path
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Wait(BaseJob[str, str]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        Path("started").touch()
        while not Path("go").exists():
            time.sleep(0.1)

pipeline = PipelineDefinition("waiting").add_job("wait", lambda run: Wait())
"""
RAY_COUNTS = {44217, 44227}  # ports with Ray's counts of what it does itself, which nothing takes away


@contextmanager
def waiting_run(folder, *words):
    """Run two inputs that wait for the end of the block; yield the ports on which its processes listen."""
    import psutil

    (folder / "waiting.py").write_text(WAITING)
    command = ["pipeline", "--log-level", "OFF", "--pipeline", "waiting.py:pipeline", "run-all", "a", "b"]
    run = psutil.Popen([*command, *words])
    try:
        while run.poll() is None and not (folder / "started").exists():
            time.sleep(0.1)
        processes = [run, *run.children(recursive=True)]
        ports = {
            (each.laddr.ip, each.laddr.port)
            for process in processes
            for each in process.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        }
        yield ports
    finally:
        (folder / "go").touch()
        assert 0 == run.wait()


def ask_for_page(host, port, context=None):
    """Ask a port for a page, over TLS if there is a context; return the status, or None if it gives none."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    scheme = "https" if context else "http"
    try:
        with urllib.request.urlopen(f"{scheme}://{address}/", timeout=10, context=context) as page:
            return page.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("name", RUNNERS)
def test_the_ports_of_a_run_serve_nobody_else(on_prefect, folder, name):
    """No page, and no word of their protocols, to who has no certificate or token of the run."""
    anyone = ssl._create_unverified_context()
    with waiting_run(folder, "--task-runner", name, "--concurrency", "2") as ports:
        statuses = {port: ask_for_page(host, port) for host, port in ports}
        closed = [(host, port) for host, port in ports if statuses[port] is None]
        over_tls = [ask_for_page(host, port, anyone) for host, port in closed]
        joined = join(name, [port for _, port in closed])

    assert len(closed) > 2, statuses
    assert {200} >= {status for port, status in statuses.items() if port in RAY_COUNTS}
    assert {None, 401, 404} >= {status for port, status in statuses.items() if port not in RAY_COUNTS}
    assert {None} == set(over_tls)
    assert {"refused"} == set(joined)


def join(name, ports):
    """Try to use each port of a cluster without its credentials; return how that ended."""
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    tries = [
        subprocess.Popen(
            [sys.executable, "-c", JOINING[name], str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for port in ports
    ]
    return [each.communicate()[0].strip() for each in tries]


JOINING = {
    "dask": """
import sys
from distributed import Client
try:
    with Client(f"tcp://127.0.0.1:{sys.argv[1]}", timeout=2):
        print("joined")
except OSError:
    print("refused")
""",
    "ray": """
import sys
from ray._raylet import GcsClient
try:
    print(GcsClient(address=f"127.0.0.1:{sys.argv[1]}").internal_kv_keys(b"", None))
except Exception:
    print("refused")
""",
}


@skip_unless("prefect_dask")
def test_a_running_dask_cluster_is_used(on_prefect):
    """The log stays on its workers, which log a failure without a traceback."""
    with dask_cluster() as address:
        done = run_all("--dask-address", address, level="ERROR")
        log = Path("cluster.log").read_text()

    assert (3, [None, None, "input.missing", None]) == (done[0], done[2])
    assert [("0", 1), ("1", 1), ("2", 1)] == read_contents()
    assert "no such file" in log
    assert "Traceback" not in log


@skip_unless("prefect_dask")
def test_nobody_can_make_a_local_dask_cluster_wait(on_prefect, folder, monkeypatch):
    """Dask locks a file in a folder of its own for all users, which any of them can open."""
    scratch = folder / "temporary" / "dask-scratch-space"
    scratch.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(scratch.parent))
    with (scratch / "global.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run_all("--task-runner", "dask", "--concurrency", "2")

    assert (3, [None, None, "input.missing", None]) == (done[0], done[2])


@skip_unless("prefect_dask")
def test_a_dask_cluster_out_of_reach_is_an_error(on_prefect, monkeypatch):
    from pipeline_orchestration.engines.prefect import task_runners

    monkeypatch.setattr(task_runners, "_CONNECT_SECONDS", 0.5)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    (result,) = PipelineRunner(dask_address="tcp://127.0.0.1:9", log_level="OFF").run_many(["0.txt"])

    assert "orchestration.task_runner" == result.code
    assert result.error.startswith("the Dask cluster at tcp://127.0.0.1:9 cannot be reached: ")


@skip_unless("prefect_ray")
def test_a_running_ray_cluster_is_used(on_prefect, monkeypatch):
    """With the token that it asks for by default."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
    for name in RAY_TIMEOUTS:
        monkeypatch.setenv(name, "120")
    with ray_cluster() as address:
        code, _, codes = run_until_started("--ray-address", address)

    assert (3, [None, None, "input.missing", None]) == (code, codes)
    assert [("0", 1), ("1", 1), ("2", 1)] == read_contents()


@skip_unless("prefect_ray")
def test_a_ray_cluster_out_of_reach_is_an_error(on_prefect, monkeypatch):
    """Reported in one line, without a warning from Ray."""
    monkeypatch.setenv("RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S", "1")  # instead of 30 s
    monkeypatch.setenv("RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S", "1")
    command = ["pipeline", "--log-level", "OFF", "run", "0.txt", "--ray-address", "ray://127.0.0.1:9"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    (line,) = done.stderr.splitlines()
    assert 8 == done.returncode
    assert line.startswith("Error: 0.txt: the Ray cluster at ray://127.0.0.1:9 cannot be reached: ")
    assert line.endswith("set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN [orchestration.task_runner]")
