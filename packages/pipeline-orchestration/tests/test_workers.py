"""Several inputs at a time on the local engine: processes that come, may be lost, and go."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.groups import grouped, pays
from pipeline_orchestration.sources import TEXT_PIPELINE

JOBS = """
import logging, os, time
from pathlib import Path
from pipeline_jobs import BaseJob, InputError, OutputError
from pipeline_orchestration import PipelineDefinition, PipelineRunner

class Odd(InputError):
    def __init__(self, one, two):  # what pickle cannot make again
        super().__init__("input.odd", f"{one} {two}")

class Do(BaseJob[object, object]):
    def validate_input(self, value):
        return str(value)

    def single_job(self, value):
        logging.getLogger("pipeline_jobs.mine").info("doing %s", value)
        logging.getLogger("theirs").warning("theirs %s", value)
        with open("ran", "a") as file:
            print(value, os.getpid(), file=file)
        match value.partition(" ")[0].removesuffix("/x"):
            case "x":
                time.sleep(0.01)
            case "die":
                os.kill(os.getpid(), 9)
            case "refuse":
                raise Odd("it is", "odd")
            case "full":
                raise OutputError("output.no_space", "it is full")
            case "s3://away":
                raise InputError("input.unreachable", "it is away")
            case "lambda":
                return lambda: None
            case "sleep":
                Path("reached").touch()
                try:
                    time.sleep(30)
                finally:
                    Path("undone").touch()
        return f"{value} done"
"""
RUN = """
import sys
logging.basicConfig(format="%(levelname)s %(message)s")
# Neither a module that others can import nor a guard: as a person writes a script.
pipeline = PipelineDefinition("mine").add_job("do", lambda run: Do())
runner = PipelineRunner(pipeline=pipeline, concurrency=2, engine="local", log_level="INFO", output_dir="out")
told = []
for result in runner.run_many(sys.argv[1:], finished=told.append):
    print(result.input, result.code or result.output, result.error, sep="|")
print(len(told))
"""
HANDLERS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, however tests start
signal.signal(signal.SIGTERM, lambda *_: exit(143))
"""


@pytest.fixture
def run(folder):
    """Run inputs in processes, by a script, and return its lines and log."""

    def ran(*inputs):
        Path("script.py").write_text(JOBS + RUN, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "script.py", *inputs], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stderr
        *lines, told = done.stdout.splitlines()
        assert len(inputs) == int(told)
        return lines, sorted(done.stderr.splitlines())

    return ran


def test_results_keep_the_order_of_inputs_and_workers_their_logs(run):
    """Also of a definition with lambdas, in a script that does not guard against being imported."""
    lines, log = run("one", "refuse", "three")

    assert ["one|one done|None", "refuse|input.odd|it is odd", "three|three done|None"] == lines
    assert 2 == len({line.split()[1] for line in Path("ran").read_text().splitlines()})
    for line in ("INFO doing one", "WARNING theirs three", "INFO engine local: asked for"):
        assert line in log


def test_a_lost_worker_costs_its_input_and_no_other(run):
    """Those that it was given with that one are run again."""
    inputs = [f"x {number}" for number in range(40)]
    inputs[11] = "die"

    lines, _ = run(*inputs)

    error = "its worker process was lost: SIGKILL(-9); run the same command again, with a lower --concurrency"
    expected = [f"{value}|{value} done|None" for value in inputs]
    expected[11] = f"die|orchestration.worker_lost|{error} if memory was short"
    assert expected == lines


def test_a_failure_that_all_share_stops_the_rest(run):
    inputs = ["full", *(f"x {number}" for number in range(400))]

    lines, _ = run(*inputs)

    assert "full|output.no_space|it is full" == lines[0]
    assert lines[-1].startswith("x 399|orchestration.not_run|not run after full failed: output.no_space")
    assert 200 > len(Path("ran").read_text().splitlines())


def test_a_store_that_is_away_stops_what_is_in_it_alone(run):
    inputs = [*["s3://away/x"] * 400, "two"]

    lines, _ = run(*inputs)

    assert "s3://away/x|input.unreachable|it is away" == lines[0]
    stopped = "s3://away/x|orchestration.not_run|not run after s3://away/x failed: input.unreachable"
    assert 350 < lines.count(stopped)
    assert "two|two done|None" == lines[-1]


def test_an_output_that_cannot_be_sent_is_an_error_of_its_own(run):
    lines, _ = run("lambda", "two")

    assert lines[0].startswith(
        "lambda|orchestration.output|its output, a function, cannot be sent to another"
    )
    assert "two|two done|None" == lines[1]


def test_a_definition_that_cannot_be_sent_is_refused(folder):
    from pipeline_orchestration import PipelineDefinition

    lock = __import__("threading").Lock()
    pipeline = PipelineDefinition("mine").add_job("do", lambda run: lock)
    runner = PipelineRunner(pipeline=pipeline, concurrency=2, engine="local", log_level="OFF")

    results = runner.run_many(["one", "two"])

    assert ["orchestration.definition", "orchestration.not_run"] == [result.code for result in results]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(folder, number):
    Path("script.py").write_text(HANDLERS + JOBS + RUN, encoding="utf-8")
    command = [sys.executable, "script.py", "sleep 1", "sleep 2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        wait_for(Path("reached").exists)
        process.send_signal(number)
        start = time.monotonic()
        process.wait()

    assert 4 > time.monotonic() - start
    wait_for(lambda: not members(process.pid))
    assert (number != signal.SIGKILL) == Path("undone").exists()


def members(session):
    """Return the processes of a session that are not dead already."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session, *_ = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            found.append(path)
    return found


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_files_are_loaded_by_processes_into_one_database(folder, ask):
    """Each exactly once, with no patience for a lock that is held."""
    for number in range(300):
        Path(f"{number}.txt").write_text(f"{number}\n" * 10)
    runner = PipelineRunner(
        concurrency=4, busy_timeout=0, engine="local", log_level="OFF", output_dir="out", db_path="p.db"
    )

    results = runner.run_many([Path(f"{number}.txt") for number in range(300)])

    assert [None] * 300 == [result.code for result in results]
    assert [(300, 3000)] == ask("p.db", "SELECT count(DISTINCT content), count(*) FROM finalized_records")
    assert [] == list(Path(os.environ.get("TMPDIR", "/tmp")).glob("pipeline-*/turns"))


@pytest.mark.parametrize(
    ("pipeline", "inputs", "expected"),
    [
        (TEXT_PIPELINE, ["1"] * 10, False),
        (TEXT_PIPELINE, ["1"] * 1000, True),
        ("mine.py:pipeline", ["1"], False),
        ("mine.py:pipeline", ["1", "2"], True),
    ],
)
def test_processes_are_started_where_that_pays(pipeline, inputs, expected):
    """They take most of a second to start, and what a user's own jobs take is not known."""
    assert expected == pays(pipeline, inputs)


def test_groups_end_at_a_count_or_at_a_size(folder):
    for number, size in enumerate([10, 10, 50, 200, 1]):
        Path(str(number)).write_bytes(b"x" * size)
    inputs = [Path(str(number)).absolute().as_uri() for number in range(5)]

    assert [[0, 1], [2], [3], [4]] == list(grouped(inputs, 2, 100))
    assert [[0, 1, 2], [3], [4]] == list(grouped(inputs, 9, 100))
    assert [[0, 1, 2, 3, 4]] == list(grouped(["7"] * 5, 9, 100))


def test_a_signal_in_the_middle_of_handing_out_work_ends_that_worker_too(folder):
    """It is neither at work yet nor idle any more."""
    interrupted = """
from pipeline_orchestration import workers

submit = workers._Worker.submit

def submitted(self, *given):
    future = submit(self, *given)
    while not Path("reached").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    return future

workers._Worker.submit = submitted
"""
    Path("script.py").write_text(HANDLERS + JOBS + interrupted + RUN, encoding="utf-8")
    start = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "script.py", "sleep 1", "sleep 2"], stderr=subprocess.DEVNULL, check=False
    )

    assert 143 == ended.returncode
    assert 15 > time.monotonic() - start  # of a job of 30 s
