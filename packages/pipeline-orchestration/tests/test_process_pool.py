"""Worker processes of the local engine: their results, their losses, and their end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineDefinition, PipelineRunner

JOBS = """
import logging, os, threading, time
from dataclasses import dataclass
from pathlib import Path
from pipeline_jobs import BaseJob, InputError, OutputError
from pipeline_orchestration import PipelineDefinition, PipelineRunner

@dataclass
class Words:
    found: list[str]

class WordsError(Exception):
    pass

class Odd(InputError):
    def __init__(self, one, two):  # pickle cannot restore an error with two arguments
        super().__init__("input.odd", f"{one} {two}")

class Work(BaseJob[object, object]):
    def validate_input(self, value):
        return str(value)

    def single_job(self, value):
        logging.getLogger("pipeline_jobs.mine").info("doing %s", value)
        logging.getLogger("another").warning("another logger %s", value)
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
                raise OutputError("output.no_space", "the disk is full")
            case "s3://down":
                raise InputError("input.unreachable", "no answer")
            case "lock":
                return threading.Lock()
            case "words":
                return Words(["one"])
            case "odd":
                raise WordsError(Words([]))
            case "sleep":
                try:
                    Path("reached").touch()
                    time.sleep(30)
                    Path("slept").touch()
                finally:
                    Path("undone").touch()
        return f"{value} done"
"""
RUN = """
import sys
logging.basicConfig(format="%(levelname)s %(message)s")
# A plain script, as many people write them: no importable module, and no `if __name__ == "__main__"`.
pipeline = PipelineDefinition("mine").add_job("do", lambda run: Work())
runner = PipelineRunner(pipeline=pipeline, concurrency=2, engine="local", log_level="INFO", output_dir="out")
finished = []
for result in runner.run_many(sys.argv[1:], finished=finished.append):
    print(result.input, result.code or result.output, result.error, sep="|")
    assert isinstance(result.output, Words) == (result.input == "words")
    assert isinstance(result.last.exception, WordsError) == (result.input == "odd")
print(len(finished))
"""
HANDLERS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a shell, however tests start
signal.signal(signal.SIGTERM, lambda *_: exit(143))
"""


@pytest.fixture
def run(folder):
    """A function that runs a script over inputs, and returns the lines it printed and its sorted log."""

    def run_script(*inputs):
        Path("script.py").write_text(JOBS + RUN, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "script.py", *inputs], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stderr
        *lines, finished = done.stdout.splitlines()
        assert len(inputs) == int(finished)
        return lines, sorted(done.stderr.splitlines())

    return run_script


def test_the_folder_for_temporary_files_may_have_a_long_path(run, folder, monkeypatch):
    """The path of a socket must be short."""
    (folder / (120 * "x")).mkdir()
    monkeypatch.setenv("TMPDIR", str(folder / (120 * "x")))

    lines, _ = run("one", "two")

    assert ["one|one done|None", "two|two done|None"] == lines


def test_results_are_in_the_order_of_inputs_and_workers_send_their_logs(run):
    """Even if the definition has lambdas, in a script without `if __name__ == "__main__"`."""
    lines, log = run("one", "refuse", "three")

    assert ["one|one done|None", "refuse|input.odd|it is odd", "three|three done|None"] == lines
    assert 2 == len({line.split()[1] for line in Path("ran").read_text().splitlines()})
    for line in ("INFO doing one", "WARNING another logger three", "INFO engine local: asked for"):
        assert line in log


def test_only_the_input_that_kills_its_worker_fails(run):
    """The other inputs of its group are run again."""
    inputs = [f"x {number}" for number in range(40)]
    inputs[11] = "die"

    lines, _ = run(*inputs)

    error = "its worker was lost: SIGKILL(-9); run the same command again, with a lower --concurrency"
    expected = [f"{value}|{value} done|None" for value in inputs]
    expected[11] = f"die|orchestration.worker_lost|{error} if memory was short"
    assert expected == lines


def test_a_failure_that_concerns_all_inputs_skips_the_rest(run):
    inputs = ["full", *(f"x {number}" for number in range(2000))]

    lines, _ = run(*inputs)

    assert "full|output.no_space|the disk is full" == lines[0]
    assert lines[-1].startswith("x 1999|orchestration.not_run|not run after full failed: output.no_space")
    assert 1000 > len(Path("ran").read_text().splitlines())


def test_an_unreachable_store_skips_only_its_own_inputs(run):
    inputs = [*["s3://down/x"] * 400, "two"]

    lines, _ = run(*inputs)

    assert "s3://down/x|input.unreachable|no answer" == lines[0]
    skipped = "s3://down/x|orchestration.not_run|not run after s3://down/x failed: input.unreachable"
    assert 350 < lines.count(skipped)
    assert "two|two done|None" == lines[-1]


def test_outputs_and_errors_of_the_script_s_own_classes_come_back(run):
    lines, _ = run("words", "odd", "two")

    error = "internal.WordsError|WordsError: Words(found=[])"
    assert ["words|Words(found=['one'])|None", f"odd|{error}", "two|two done|None"] == lines


def test_an_output_that_cannot_be_sent_back_fails_nothing(run):
    lines, log = run("lock", "two")

    placeholder = "lock, not sent from the worker process: TypeError: cannot pickle '_thread.lock' object"
    assert [f"lock|{placeholder}|None", "two|two done|None"] == lines
    assert f"WARNING do lock: the result holds no output: {placeholder}" in log


def test_a_daemonic_process_runs_inputs_one_after_another(python):
    """Python allows it no child processes; the workers of `multiprocessing.Pool` are daemonic."""
    code = """if True:
        from multiprocessing import get_context
        from pipeline_jobs.testing import FailingJob
        from pipeline_orchestration import PipelineDefinition, PipelineRunner

        def run_two(_):
            pipeline = PipelineDefinition("mine").add_job("do", lambda run: FailingJob(ValueError(), 0))
            runner = PipelineRunner(pipeline=pipeline, concurrency=2, engine="local", log_level="OFF")
            return [result.output for result in runner.run_many(["one", "two"])]

        with get_context("fork").Pool(1) as pool:
            print(pool.map(run_two, [None]))
    """

    assert "[['one', 'two']]\n" == python(code)[0]


def test_a_definition_that_cannot_be_pickled_is_refused(folder):
    lock = threading.Lock()
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
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # Python drops what a handler raises in a finalizer
            process.send_signal(number)
            process.wait()

    wait_for(lambda: not list_processes(process.pid))
    assert not Path("slept").exists()  # the job was interrupted
    assert (number != signal.SIGKILL) == Path("undone").exists()


def list_processes(session):
    """Return the processes of a session that are no zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session_id, *_ = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(session_id) == session and state != "Z":
            found.append(path)
    return found


def wait_for(condition):
    """Wait until a condition holds; after a minute, fail."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_processes_load_many_files_into_one_database_each_once(folder, ask):
    """The write lock of the run makes them queue, so that a busy timeout of 0 s is enough."""
    for number in range(300):
        Path(f"{number}.txt").write_text(f"{number}\n" * 10)
    runner = PipelineRunner(
        concurrency=4, busy_timeout=0, engine="local", log_level="OFF", output_dir="out", db_path="p.db"
    )

    results = runner.run_many([Path(f"{number}.txt") for number in range(300)])

    assert [None] * 300 == [result.code for result in results]
    assert [(300, 3000)] == ask("p.db", "SELECT count(DISTINCT content), count(*) FROM finalized_records")
    assert [] == list(Path(os.environ.get("TMPDIR", "/tmp")).glob("pipeline-*/write.lock"))


def test_a_signal_during_submission_ends_that_worker_too(folder):
    """At that moment the worker is neither idle nor known to be busy."""
    interrupted = """
from pipeline_orchestration.engines.processes import pool

submit = pool._Worker.submit

def submit_and_terminate(self, *arguments):
    future = submit(self, *arguments)
    while not Path("reached").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    return future

pool._Worker.submit = submit_and_terminate
"""
    Path("script.py").write_text(HANDLERS + JOBS + interrupted + RUN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py", "sleep 1", "sleep 2"], stderr=subprocess.DEVNULL, check=False
    )

    assert 143 == done.returncode
    assert not Path("slept").exists()  # the job was interrupted
