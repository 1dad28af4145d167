"""Log records of jobs on the page of their run, and on the console."""

import logging

import pytest

from pipeline_orchestration import PipelineRunner

TALKS = """
import logging
from threading import Thread
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

log = logging.getLogger(__name__)

class Talking(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        if value == "too loud":
            log.info("said %s", "x" * 1_100_000)
            return value
        log.debug("said in detail")
        log.info("said \\x1b[31mred")
        logging.getLogger(__name__ + ".below").warning("said below")
        logging.getLogger("pipeline_db").info("said by us")
        logging.getLogger("elsewhere").warning("said elsewhere")
        thread = Thread(target=log.info, args=["said in a thread"])
        thread.start()
        thread.join()
        return value

pipeline = PipelineDefinition("talking").add_job("talk", lambda _: Talking())
"""
LOG = logging.getLogger("talks")  # the module name of that file
BELOW = logging.getLogger("talks.below")


@pytest.fixture
def runner(prefect_server, folder):
    """A function that makes runners on Prefect, of a job that logs."""

    def make(**settings):
        (folder / "talks.py").write_text(TALKS)
        settings = {"output_dir": "out", "db_path": "p.db", "pipeline": "talks.py:pipeline"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return make


def get_messages(page):
    """Return the messages of the job."""
    return [each.message for each in page.logs if "said" in each.message]


def test_a_record_of_a_job_is_on_the_page_once(runner, page):
    assert runner().run("aloud").success
    found = page("aloud")

    # In a thread that a job started, the task is unknown; the run is the only one in the process.
    by_message = {each.message: (each.name, each.task_run_id is not None) for each in found.logs}
    assert ("talks", True) == by_message["said \\x1b[31mred"]
    assert ("talks.below", True) == by_message["said below"]
    assert ("pipeline_db", True) == by_message["said by us"]
    assert ("talks", False) == by_message["said in a thread"]
    assert ["said \\x1b[31mred", "said below", "said by us", "said in a thread"] == get_messages(found)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("OFF", []),
        ("WARNING", ["said below"]),
        ("DEBUG", ["said in detail", "said \\x1b[31mred", "said below", "said by us", "said in a thread"]),
    ],
)
def test_the_log_level_of_the_run_applies(runner, page, level, expected):
    assert runner(log_level=level).run(f"as {level}").success
    found = page(f"as {level}")

    assert expected == get_messages(found)


RUN = """
from pipeline_orchestration import PipelineRunner
PipelineRunner(pipeline="talks.py:pipeline", output_dir="out", db_path="p.db").run("printed")
"""


def test_the_console_prints_the_same_as_without_prefect(runner, python, prefect_server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    runner()

    _, printed = python(RUN)

    assert 1 == printed.count("said below") == printed.count("said elsewhere")
    assert "red" not in printed
    assert "said in a thread" not in printed


def test_a_logger_is_restored(runner):
    before = LOG.level, LOG.propagate, LOG.handlers[:]

    runner().run("restored")

    assert before == (LOG.level, LOG.propagate, LOG.handlers)


def test_the_level_of_a_jobs_own_logger_is_kept(runner, page, monkeypatch):
    monkeypatch.setattr(LOG, "level", logging.ERROR)
    LOG.manager._clear_cache()

    runner().run("kept low")

    assert ["said by us"] == get_messages(page("kept low"))


def test_a_record_with_a_handler_of_prefect_is_sent_once(runner, page):
    """PREFECT_LOGGING_EXTRA_LOGGERS adds such a handler to a logger."""
    from prefect.logging.handlers import APILogHandler

    handler = APILogHandler()
    BELOW.addHandler(handler)
    try:
        runner().run("extra")
    finally:
        BELOW.removeHandler(handler)

    messages = get_messages(page("extra"))
    assert 1 == messages.count("said below")


def test_a_record_that_is_too_large_for_prefect_is_dropped(runner, page, capfd):
    """Newer releases of Prefect shorten it."""
    assert runner().run("too loud").success
    assert all(len(each.message) <= 1_000_000 for each in page("too loud").logs)
    assert "Traceback" not in capfd.readouterr().err


ELSEWHERE = """
from pipeline_orchestration import PipelineDefinition
from acme_jobs.talking import Talking

pipeline = PipelineDefinition("elsewhere").add_job("talk", lambda _: Talking())
"""


def test_loggers_of_jobs_in_another_package_are_followed_too(runner, page, folder):
    (folder / "acme_jobs").mkdir()
    (folder / "acme_jobs/talking.py").write_text(TALKS)
    (folder / "acme.py").write_text(ELSEWHERE)

    runner(pipeline="acme:pipeline").run("from elsewhere")

    assert "acme_jobs.talking" in {each.name for each in page("from elsewhere").logs}


@pytest.mark.parametrize(("level", "lines"), [("INFO", 0), ("DEBUG", 2)])
def test_of_several_inputs_completed_task_runs_have_no_line_of_their_own(runner, caplog, level, lines):
    """Each input has one, at INFO."""
    results = runner(log_level=level).run_many(["one", "two"])

    assert [True, True] == [result.success for result in results]
    completed = [each for each in caplog.messages if each.startswith("Finished in state Completed")]
    inputs = [each for each in caplog.messages if each.startswith(("one: done", "two: done"))]
    assert (lines + 1, 2) == (len(completed), len(inputs))  # one is the flow run's
