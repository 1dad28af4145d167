"""Log lines on standard error, by level; a failure's message is not one of them."""

import logging
import re

import pytest

from pipeline_cli.log_setup import log_to_stderr
from pipeline_orchestration import LogLevel

OWN = """
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Buggy(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        raise ValueError(value)

pipeline = PipelineDefinition("own").add_job("buggy", lambda run: Buggy())
"""
FAILURE = "Error: A none.txt: {folder}/none.txt: no such file [input.missing]\n"


def test_info_logs_the_engine_and_each_job(pipeline, folder):
    done = pipeline("run-all", "sample.txt")

    assert (
        "INFO engine local: no Prefect API is configured\n"
        "INFO A sample.txt: 3 lines, 3 records, 0 blank in #.### s\n"
        "INFO B sample.txt: 3 records in #.### s\n"
        "INFO C sample.txt: 3 records in #.### s\n"
    ) == done.err


def test_debug_adds_time_and_logger(pipeline, folder):
    done = pipeline("--log-level", "DEBUG", "run", "sample.txt", "--stop-after", "A")

    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    job = "INFO pipeline_orchestration.execution.job_loop: A"
    assert (
        "INFO pipeline_orchestration.engines.dispatch: engine local: no Prefect API is configured\n"
        f"{job} sample.txt: 3 lines, 3 records, 0 blank in #.### s\n"
    ) == re.sub(rf"^{moment} ", "", done.err, flags=re.MULTILINE)


@pytest.mark.parametrize("level", ["WARNING", "ERROR", "CRITICAL", "OFF"])
def test_above_info_a_successful_run_logs_nothing(pipeline, level):
    assert "" == pipeline("--log-level", level, "run-all", "sample.txt").err


@pytest.mark.parametrize("level", ["INFO", "WARNING", "OFF"])
def test_a_failure_is_printed_at_every_level(pipeline, folder, level):
    """Its message is not a log line, and OFF does not silence it."""
    done = pipeline("--log-level", level, "--engine", "local", "run-all", "none.txt")

    logged = "INFO engine local: asked for\n" if level == "INFO" else ""
    assert logged + FAILURE.format(folder=folder) == done.err


def test_a_bug_of_a_job_shows_its_line(pipeline, folder):
    """Its traceback begins in the job."""
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    options = ["--engine", "local", "--pipeline", "own.py:pipeline"]
    failure = "Error: buggy x: ValueError: x [internal.ValueError]\n"

    done = pipeline(*options, "run", "x")
    assert (
        "INFO engine local: asked for\n"
        "ERROR buggy x failed\n"
        "Traceback (most recent call last):\n"
        f'  File "{folder}/own.py", line 10, in single_job\n'
        "    raise ValueError(value)\n"
        f"ValueError: x\n{failure}"
    ) == done.err
    assert 1 == done.code

    done = pipeline("--log-level", "OFF", *options, "run", "x")
    assert (1, failure) == (done.code, done.err)


def test_log_lines_are_escaped(capsys):
    """A message stays on one line; a traceback keeps its lines."""
    logger = logging.getLogger("pipeline_jobs")

    with log_to_stderr(LogLevel.INFO):
        logger.error("of %s", "a\nb\x9b", exc_info=ValueError("\x1b[31mred"))

    assert "ERROR of a\\nb\\x9b\nValueError: \\x1b[31mred\n" == capsys.readouterr().err


def test_loggers_are_restored_after_the_block(capsys):
    """Within it our records go to standard error only, after it to whatever was set up before."""
    logger = logging.getLogger("pipeline_jobs")
    before = logger.handlers[:], logger.propagate

    with log_to_stderr(LogLevel.INFO):
        logging.getLogger("pipeline_jobs.documents.reader").warning("half a %s", "line")
        assert not logger.propagate

    assert before == (logger.handlers, logger.propagate)
    assert ("", "WARNING half a line\n") == tuple(capsys.readouterr())


HANDLERS = """
import logging
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

log = logging.getLogger(__name__)
log.addHandler(logging.FileHandler("audit.log"))
log.addHandler(logging.StreamHandler())
logging.getLogger().addHandler(logging.FileHandler("root.log"))

class Talking(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        log.warning("said %s", value)

pipeline = PipelineDefinition("own").add_job("talk", lambda run: Talking())
"""


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_a_handler_that_a_module_adds_writes_each_record_once(program, folder, concurrency):
    """With worker processes, the module adds it to theirs and to ours."""
    (folder / "own.py").write_text(HANDLERS, encoding="utf-8")
    options = ["--log-level", "WARNING", "--engine", "local", "--pipeline", "own.py:pipeline"]

    done = program(*options, "run", "--concurrency", concurrency, "one", "two")

    said = ["said one", "said two"]
    printed = [done.err, (folder / "audit.log").read_text(), (folder / "root.log").read_text()]
    assert [said, said, said] == [sorted(text.splitlines()) for text in printed]


SAYING = """
import logging

def say():
    logging.getLogger(__name__).info("said in %s", __name__)
"""
OF_MODULES = """
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition
from shop import orders

class Talking(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        import late, parts
        orders.say()
        late.say()
        parts.say()

pipeline = PipelineDefinition("own").add_job("talk", lambda run: Talking())
"""


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_records_of_all_modules_beside_a_definition_are_shown(program, folder, concurrency):
    """Also those of a package without ``__init__.py``, and of modules that the job imports as it works."""
    for name in ("shop/orders.py", "parts/__init__.py", "late.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(SAYING, encoding="utf-8")
    (folder / "own.py").write_text(OF_MODULES, encoding="utf-8")
    words = ["--engine", "local", "--pipeline", "own.py:pipeline", "run", "--concurrency", concurrency]

    done = program(*words, "one", "two")

    said = [f"INFO said in {name}" for name in ("late", "parts", "shop.orders") for _ in range(2)]
    assert said == sorted(line for line in done.err.splitlines() if "said" in line)
