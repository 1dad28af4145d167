"""Jobs of one's own that break the rules: the same results on every engine and task runner."""

import asyncio
import logging
import os
import subprocess
import sys

import pytest
from ways import JOB, WAYS

from pipeline_db import PeeweeStore
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner


@pytest.fixture
def run(way, folder):
    """A function that runs the pipeline of a module over inputs, given the code of the module."""

    def run_inputs(code, inputs, **settings):
        (folder / "own.py").write_text(JOB + code)
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | WAYS[way] | settings
        return PipelineRunner(pipeline="own.py:pipeline", **settings).run_many(inputs)

    return run_inputs


@pytest.fixture
def start(folder, request):
    """A function that runs a program, on Prefect on the server of the tests."""

    def start_program(code, engine="prefect"):
        url = request.getfixturevalue("prefect_server") if engine == "prefect" else ""
        (folder / "own.py").write_text(code)
        command = [sys.executable, "own.py", engine]
        environment = os.environ | {"PREFECT_API_URL": url}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=environment
        )

    return start_program


EXITING = """
import asyncio, sys
import click

@click.command()
def command():
    click.echo("hello", err=True)

class Exits(Job):
    def validate_input(self, value):
        if value == "refuse":
            sys.exit(3)
        return value

    def single_job(self, value):
        self.counts["begun"] += 1
        match value:
            case "exit":
                sys.exit()
            case "exit 0":
                sys.exit(0)
            case "exit text":
                sys.exit("no such table")
            case "click":
                command([])
            case "generator":
                raise GeneratorExit
            case "cancelled":
                raise asyncio.CancelledError
            case "interrupt":
                raise KeyboardInterrupt
            case "base":
                raise BaseException("odd")
            case "group":
                raise BaseExceptionGroup("odd", [SystemExit(1)])
        return value

pipeline = PipelineDefinition("own")
pipeline.add_job("work", lambda run: Exits(), retries=2, retry_delay_seconds=0)
pipeline.add_job("next", lambda run: Next())
"""
EXITS = {
    "refuse": "the job called sys.exit(3); raise an exception instead",
    "exit": "the job called sys.exit(); return instead",
    "exit 0": "the job called sys.exit(0); return instead",
    "exit text": "the job called sys.exit('no such table'); raise an exception instead",
    "click": "the job called sys.exit(0); return instead",
    "generator": "the job raised GeneratorExit; raise a subclass of Exception instead",
    "cancelled": "the job raised CancelledError; raise a subclass of Exception instead",
    "base": "the job raised BaseException; raise a subclass of Exception instead",
    "group": "the job raised BaseExceptionGroup; raise a subclass of Exception instead",
}


def test_a_job_cannot_end_the_run(run, folder, way):
    """Its input fails, and the others go on. It is not tried again: it would exit again."""
    exits = EXITS
    if way not in ("local", "prefect"):  # Ctrl-C reaches only the main thread of the main process
        exits = EXITS | {
            "interrupt": "the job raised KeyboardInterrupt; raise a subclass of Exception instead"
        }
    results = run(EXITING, ["one", *exits, "two"])

    assert [None, *["job.exit"] * len(exits), None] == [result.code for result in results]
    assert exits == {result.input: result.error for result in results[1:-1]}
    assert [{}, {"begun": 1}] == [result.last.counts for result in results[1:3]]
    assert not any(result.last.retriable for result in results)
    assert ["one", "two"] == sorted((folder / "next").read_text().split())


def test_a_factory_cannot_end_the_run(run):
    code = """
import sys

pipeline = PipelineDefinition("own").add_job("work", lambda run: sys.exit(0))
"""
    results = run(code, ["one", "two", "three"])

    expected = ("work", "job.exit", "the factory called sys.exit(0); return instead")
    assert [expected] * 3 == [(result.last.job, result.code, result.error) for result in results]


def test_a_hook_cannot_end_the_run(run, caplog):
    code = """
import sys

def leave(result):
    sys.exit(0)

pipeline = PipelineDefinition("own", on_completion=[leave]).add_job("next", lambda run: Next())
"""
    caplog.set_level(logging.ERROR, "pipeline_orchestration.hooks")
    results = run(code, ["one", "two"], log_level="ERROR")

    assert [True, True] == [result.success for result in results]
    message = "hook leave failed: it called sys.exit(0); return instead"
    assert [message] * 2 == [each.getMessage() for each in caplog.records if each.name.endswith("hooks")]


SIGNALLED = """
import json, os, signal, sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

class Signalled(BaseJob[object, object]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        os.kill(os.getpid(), signal.SIGTERM)
        return value

def leave(*_):
    sys.exit(7)

signal.signal(signal.SIGTERM, leave)
pipeline = PipelineDefinition("own").add_job("work", lambda run: Signalled())
PipelineRunner(pipeline=pipeline, engine=sys.argv[1], log_level="OFF").run_many(["one", "two"])
print("went on")
"""


def test_a_signal_handler_of_the_caller_ends_the_program(engine, start):
    """Its ``SystemExit`` comes from outside of the job that it interrupts."""
    done = start(SIGNALLED, engine)

    assert (7, "") == (done.returncode, done.stdout)


@pytest.mark.xdist_group("prefect_server-test_own_jobs")
def test_a_signal_ends_a_flow_run_that_prefect_handles(folder, start):
    """Prefect's own handler raises ``TerminationSignal``, in a deployed run for instance."""
    code = """
import os, signal
from pipeline_orchestration import run_pipeline

class Signalled(Job):
    def single_job(self, value):
        os.kill(os.getpid(), signal.SIGTERM)
        return value

pipeline = PipelineDefinition("own").add_job("work", lambda run: Signalled())
pipeline.add_job("next", lambda run: Next())
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: print("signal", flush=True))
    try:
        run_pipeline("own.py:pipeline", ["one", "two"], log_level="OFF")
    except BaseException as error:
        print(type(error).__name__)
"""
    done = start(JOB + code)

    assert "signal\nTerminationSignal\n" == done.stdout
    assert not (folder / "next").exists()


LAZY = """
import asyncio, concurrent.futures

class Lazy(Job):
    async def validate_input(self, value):
        await asyncio.sleep(0.01)
        if value == "refuse":
            raise InputError("input.odd", "it is odd")
        return value

    def single_job(self, value):
        match value:
            case "generator":
                return (each for each in value)
            case "stream":
                return self.stream(value)
            case "iterator":
                return iter([value])
            case "future":
                return concurrent.futures.Future()
        return self.work(value)

    async def work(self, value):
        await asyncio.sleep(0.01)
        self.counts["worked"] += 1
        if value == "fail":
            raise ValueError("odd")
        return iter(value) if value == "later" else value.upper()

    async def stream(self, value):
        yield value

pipeline = PipelineDefinition("own").add_job("work", lambda run: Lazy()).add_job("next", lambda run: Next())
"""


def test_a_job_that_succeeds_has_run(run, folder):
    """A coroutine is awaited; what leaves work behind is refused, before the next job runs."""
    lazy = ["generator", "stream", "iterator", "future", "later"]
    results = run(LAZY, ["one", "refuse", "fail", *lazy, "two"])

    codes = [None, "input.odd", "internal.ValueError", *["job.output"] * 5, None]
    assert codes == [result.code for result in results]
    assert ["ONE", "TWO"] == [results[0].output, results[-1].output]
    assert {"worked": 1} == results[0].jobs[0].counts == results[2].last.counts
    assert ["ONE", "TWO"] == sorted((folder / "next").read_text().split())


def test_a_timeout_cancels_a_coroutine(run, folder):
    code = """
import asyncio

class Slow(Job):
    async def single_job(self, value):
        try:
            await asyncio.sleep(60 if value == "slow" else 0)
        except asyncio.CancelledError:
            open("cancelled", "w").close()
            raise
        return value

pipeline = PipelineDefinition("own").add_job("work", lambda run: Slow(), timeout_seconds=1)
"""
    results = run(code, ["one", "slow", "two"])

    assert [None, "job.timeout", None] == [result.code for result in results]
    assert (folder / "cancelled").exists()
    assert results[1].last.seconds < 30


def test_a_coroutine_runs_where_an_event_loop_is_running(engine):
    """In a notebook, for instance."""

    class Waits(BaseJob[object, object]):
        def validate_input(self, value):
            return value

        async def single_job(self, value):
            await asyncio.sleep(60 if value == "slow" else 0)
            return value

    pipeline = PipelineDefinition("own").add_job("work", lambda _: Waits(), timeout_seconds=1)

    async def run_all():
        runner = PipelineRunner(pipeline=pipeline, engine=engine, log_level="OFF")
        return runner.run_many(["one", "slow", "two"])

    assert [None, "job.timeout", None] == [result.code for result in asyncio.run(run_all())]


RETRIED = """
class Flaky(Job):
    def validate_input(self, value):
        with open(f"attempts-{value}", "a") as file:
            file.write("x")
        match value:
            case "refuse":
                raise KeyError(value)
            case "refuse-busy":
                raise InputError("input.odd", "it is busy", retriable=True)
        return value

    def single_job(self, value):
        match value:
            case "key":
                raise KeyError(value)
            case "value":
                raise ValueError(value)
            case "final":
                raise PipelineError("own.final", "it is final")
            case "busy":
                raise PipelineError("own.busy", "it is busy", retriable=True)
        return value

settings = dict(retries=2, retry_delay_seconds=0, retry_on=(LookupError, OSError))
pipeline = PipelineDefinition("own").add_job("work", lambda run: Flaky(), **settings)
"""


def test_which_exceptions_are_retried(run, folder):
    attempts = {"refuse": 1, "refuse-busy": 3, "key": 3, "value": 1, "final": 1, "busy": 3, "good": 1}
    results = run(RETRIED, list(attempts))

    made = {value: len((folder / f"attempts-{value}").read_text()) for value in attempts}
    assert attempts == made
    retriable = [False, True, True, True, False, True, False]
    assert retriable == [result.last.retriable for result in results]


REPORTED = """
class OddError(Exception):
    def __str__(self):
        raise LookupError

class Odd:
    def __str__(self):
        raise LookupError

class Counting(Job):
    def single_job(self, value):
        match value:
            case "error":
                raise OddError
            case "text":
                self.counts["records"] = "three"
            case "none":
                self.counts["records"] = None
            case "float":
                self.counts["records"] = 1.5
            case "no counts":
                self.counts = None
            case "bool":
                self.counts["records"] = True
        self.counts = self.counts and self.counts | {"more": 2}
        return value

class Shared(Counting):
    pass

shared = Shared()
pipeline = PipelineDefinition("own")
pipeline.add_job("first", lambda run: shared).add_job("second", lambda run: shared)
"""


def test_results_stand_whatever_a_job_counts_or_raises(run):
    """An instance may be added under two names: each result has the name that it ran under."""
    results = run(REPORTED, ["error", "text", "none", "float", "no counts", "bool"])

    assert "OddError: (OddError.__str__ raised LookupError)" == results[0].error
    assert [["first"], *[["first", "second"]] * 5] == [[job.job for job in result.jobs] for result in results]
    counts = [{}, *[{"more": 2}] * 3, {}, {"records": 1, "more": 2}]
    assert counts == [result.last.counts for result in results]


def test_a_bug_shows_its_line(run, way, caplog, capfd, read_ray_logs):
    """Workers of a task runner print what they log, the others log it here."""
    code = """
class Buggy(Job):
    async def single_job(self, value):
        return value / 0  # the bug

pipeline = PipelineDefinition("own").add_job("work", lambda run: Buggy())
"""
    results = run(code, [1, 2], log_level="ERROR")

    assert ["internal.ZeroDivisionError"] * 2 == [result.code for result in results]
    logged = (
        caplog.text
        if way in ("local", "local-processes", "prefect", "prefect-threads")
        else capfd.readouterr().err + read_ray_logs()
    )
    (first, *_) = [part for part in logged.split("Traceback") if "the bug" in part]
    assert 1 == first.count("File ")
    assert 'own.py", line' in first


PARSING = """
from pipeline_jobs import JobB, JobC

class Parser(Job):
    def single_job(self, value):
        return [{"line_number": 1, "content": "one"}] if value != "broken" else [{"content": 1}]

pipeline = PipelineDefinition("own")
pipeline.add_job("parse", lambda run: Parser())
pipeline.add_job("B", lambda run: JobB(run.store))
pipeline.add_job("C", lambda run: JobC(run.store))
"""


def test_data_from_a_job_belong_to_the_run_s_input(run, folder):
    """Two inputs with equal content are two batches; an error names its input."""
    for name in ("mon.txt", "tue.txt"):
        (folder / name).write_text("one\n")

    results = run(PARSING, ["mon.txt", "tue.txt", "orders", "broken"])

    *_, broken = results
    assert [True, True, True, False] == [result.success for result in results]
    assert broken.error.startswith("broken, record 1: ")
    sources = [(folder / "mon.txt").as_uri(), (folder / "tue.txt").as_uri(), "input:orders"]
    expected = zip(sources, ["mon.txt", "tue.txt", "orders"], [1, 1, 1], strict=True)
    batches = PeeweeStore("p.db").batches()
    assert sorted(expected) == sorted((each.source, each.source_name, each.record_count) for each in batches)


LOGGING = """
import logging, neighbour

class Logs(Job):
    def single_job(self, value):
        logging.getLogger(__name__).info("job of %s", value)
        neighbour.log(value)
        logging.getLogger("stranger").info("not shown")
        return value

pipeline = PipelineDefinition("own").add_job("work", lambda run: Logs())
"""


@pytest.mark.parametrize("level", ["INFO", "WARNING"])
def test_the_command_shows_what_a_pipeline_s_own_modules_log(
    way, pipeline, folder, monkeypatch, request, read_ray_logs, level
):
    """Also a module beside that of the definition; those of other libraries keep their level."""
    if "prefect" in way:
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("prefect_server"))
    (folder / "own.py").write_text(JOB + LOGGING)
    text = (
        "import logging\n\ndef log(value):\n    logging.getLogger(__name__).info('neighbour of %s', value)\n"
    )
    (folder / "neighbour.py").write_text(text)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in WAYS[way].items() if name != "engine"]
    globals_ = ["--pipeline", "own.py:pipeline", "--log-level", level, "--engine", WAYS[way]["engine"]]

    done = pipeline(*globals_, "run-all", "one", "two", *options)

    assert 0 == done.returncode, done.stderr
    expected = {f"{who} of {value}" for who in ("job", "neighbour") for value in ("one", "two")}
    printed = done.stderr + read_ray_logs()
    shown = {text for text in expected if f"{text}\n" in printed}
    assert (expected if level == "INFO" else set()) == shown
    assert "not shown" not in printed
