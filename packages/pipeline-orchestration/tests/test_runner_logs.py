"""Log lines of a run on both engines, and of two runs at a time."""

import logging
import threading
from contextvars import copy_context

import pytest

from pipeline_jobs import JobA
from pipeline_orchestration import PipelineDefinition, PipelineRunner

RUN = """
import logging, sys
from pipeline_orchestration import PipelineRunner

logging.basicConfig(format="%(message)s")
level, engine, *values = sys.argv[1:]
runner = PipelineRunner(log_level=level, engine=engine, output_dir="out", db_path="p.db")
print([result.code for result in runner.run_many(values)])
# Prefect logs more when Python exits: the run is over then, and the levels are restored.
logging.disable()
"""
REASONS = {
    "local": "no Prefect API is configured",
    "prefect": "environment variable PREFECT_API_URL names the API",
}


@pytest.fixture
def api(engine, request, monkeypatch):
    """Configure an API or none, so that `auto` selects the engine; return the name of the engine."""
    if engine == "prefect":
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("prefect_server"))
    return engine


def test_off_is_silent(api, sample, python):
    """A failure is not logged either: it is in the result."""
    assert ("[None, 'input.missing']\n", "") == python(RUN, "OFF", "auto", str(sample), "missing.txt")


def test_one_line_names_the_engine_and_the_reason(api, sample, python):
    """There is no traceback of a failure that is in the result."""
    printed, logged = python(RUN, "INFO", "auto", str(sample), "missing.txt")

    lines = [line for line in logged.splitlines() if line.startswith("engine ")]
    assert "[None, 'input.missing']\n" == printed
    assert [True] == [line.startswith(f"engine {api}: {REASONS[api]}") for line in lines]
    assert "Traceback" not in logged


def test_levels_are_restored_after_a_run(runner, sample):
    runner().run(sample)  # imports Prefect, whose import sets levels that stay
    loggers = [
        logging.getLogger(name) for name in ("pipeline_jobs", "pipeline_orchestration", "prefect", "httpx")
    ]
    before = [logger.level for logger in loggers]
    during = []

    def build(run):
        during.extend(logger.level for logger in loggers[:2])
        return JobA(run.output_dir)

    runner(log_level="DEBUG", pipeline=PipelineDefinition("one").add_job("A", build)).run(sample)

    assert ([logging.DEBUG] * 2, before) == (during, [logger.level for logger in loggers])


def test_two_runners_in_two_threads_are_independent(engine, folder, ask):
    levels = [logging.getLogger(name).level for name in ("pipeline_jobs", "prefect")]
    results = {}

    def work(name):
        runner = PipelineRunner(engine=engine, output_dir=name, db_path=f"{name}.db", log_level="ERROR")
        paths = [folder / f"{name}{number}.txt" for number in range(4)]
        for path in paths:
            path.write_text(path.stem)
        results[name] = [
            (result.error, result.batch_id) for path in paths for result in runner.run_many([path])
        ]

    threads = [threading.Thread(target=copy_context().run, args=(work, name)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {name: [(None, number) for number in range(1, 5)] for name in ("one", "two")} == results
    for name in ("one", "two"):
        rows = ask(f"{name}.db", "SELECT content FROM finalized_records ORDER BY batch_id")
        assert [(f"{name}{number}",) for number in range(4)] == rows
        assert [f"{name}{number}_processed.json" for number in range(4)] == sorted(
            path.name for path in (folder / name).iterdir()
        )
    assert levels == [logging.getLogger(name).level for name in ("pipeline_jobs", "prefect")]
