"""What jobs log stands on the page of the run in which they log it, and the console is as it was."""

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
LOG = logging.getLogger("pipeline_file_talks")  # as a file of that name is called when it is imported
BELOW = logging.getLogger("pipeline_file_talks.below")


@pytest.fixture
def runner(prefect_server, folder):
    """Makes runners of a talking job on Prefect."""

    def made(**settings):
        (folder / "talks.py").write_text(TALKS)
        settings = {"output_dir": "out", "db_path": "p.db", "pipeline": "talks.py:pipeline"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return made


def said(page):
    return [each.message for each in page.logs if "said" in each.message]


def test_what_jobs_say_is_on_the_page_once(runner, page):
    assert runner().run("aloud").success
    found = page("aloud")

    # In whose name an odd thread speaks is not known; that there is one run only, is.
    spoken = {each.message: (each.name, each.task_run_id is not None) for each in found.logs}
    assert ("pipeline_file_talks", True) == spoken["said \\x1b[31mred"]
    assert ("pipeline_file_talks.below", True) == spoken["said below"]
    assert ("pipeline_db", True) == spoken["said by us"]
    assert ("pipeline_file_talks", False) == spoken["said in a thread"]
    assert ["said \\x1b[31mred", "said below", "said by us", "said in a thread"] == said(found)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("OFF", []),
        ("WARNING", ["said below"]),
        ("DEBUG", ["said in detail", "said \\x1b[31mred", "said below", "said by us", "said in a thread"]),
    ],
)
def test_the_level_is_that_of_the_run(runner, page, level, expected):
    assert runner(log_level=level).run(f"as {level}").success
    found = page(f"as {level}")

    assert expected == said(found)


RUN = """
from pipeline_orchestration import PipelineRunner
PipelineRunner(pipeline="talks.py:pipeline", output_dir="out", db_path="p.db").run("printed")
"""


def test_nothing_more_is_printed_than_without_prefect(runner, python, prefect_server, monkeypatch):
    """A person's terminal is theirs; what reached it before still does."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    runner()

    _, printed = python(RUN)

    assert 1 == printed.count("said below") == printed.count("said elsewhere")
    assert "red" not in printed
    assert "said in a thread" not in printed


def test_a_logger_is_put_back(runner):
    before = LOG.level, LOG.propagate, LOG.handlers[:]

    runner().run("put back")

    assert before == (LOG.level, LOG.propagate, LOG.handlers)


def test_the_level_of_a_job_s_own_logger_stays(runner, page, monkeypatch):
    monkeypatch.setattr(LOG, "level", logging.ERROR)
    LOG.manager._clear_cache()

    runner().run("kept low")

    assert ["said by us"] == said(page("kept low"))


def test_a_logger_that_prefect_follows_already_is_sent_once(runner, page):
    """As by PREFECT_LOGGING_EXTRA_LOGGERS, which hands it Prefect's own handler."""
    from prefect.logging.handlers import APILogHandler

    handler = APILogHandler()
    BELOW.addHandler(handler)
    try:
        runner().run("extra")
    finally:
        BELOW.removeHandler(handler)

    messages = said(page("extra"))
    assert 1 == messages.count("said below")


def test_a_record_that_prefect_does_not_take_is_let_go_of(runner, page, capfd):
    """Or is cut short, as its newer ones do."""
    assert runner().run("too loud").success
    assert all(len(each.message) <= 1_000_000 for each in page("too loud").logs)
    assert "Traceback" not in capfd.readouterr().err


ELSEWHERE = """
from pipeline_orchestration import PipelineDefinition
from acme_jobs.talking import Talking

pipeline = PipelineDefinition("elsewhere").add_job("talk", lambda _: Talking())
"""


def test_jobs_of_another_package_than_the_pipeline_s_are_heard(runner, page, folder):
    (folder / "acme_jobs").mkdir()
    (folder / "acme_jobs/talking.py").write_text(TALKS)
    (folder / "acme.py").write_text(ELSEWHERE)

    runner(pipeline="acme:pipeline").run("from elsewhere")

    assert "acme_jobs.talking" in {each.name for each in page("from elsewhere").logs}
