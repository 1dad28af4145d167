"""Both engines give the same results."""

import os

import pytest

from pipeline_orchestration import PipelineRunner


def run_everything(engine, folder, monkeypatch):
    """Run inputs of every kind in a new folder; return what has to be equal on both engines."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "one.txt").write_text("one\n\nthree\n")
    (folder / "empty.txt").touch()
    (folder / "bad.txt").write_bytes(b"ok\n\xff")
    (folder / os.fsdecode(b"\xff{x}%.txt")).write_text("two")
    (folder / "x.json").write_text('{"records": ["a", {"content": 7}]}')
    runner = PipelineRunner(engine=engine, output_dir="out", db_path="p.db", log_level="OFF")
    texts = ["one.txt", "empty.txt", "bad.txt", os.fsdecode(b"\xff{x}%.txt"), "missing.txt", "one.txt", "7"]
    results = [
        *runner.run_many(texts),
        *runner.run_many(["x.json", ["a"], {"records": [1]}, {"a"}, ["a"]], "B"),
        *runner.run_many([1, "2", 99, "x", True, 0], "C"),
        *PipelineRunner(engine=engine, db_path="one.txt", log_level="OFF").run_many(["one.txt", "one.txt"]),
        *PipelineRunner(engine=engine, output_dir="one.txt/x", log_level="OFF").run_many(["one.txt", ["a"]]),
    ]
    assert {engine} == {result.engine for result in results}
    return [
        (
            result.input,
            result.code,
            result.error and result.error.replace(str(folder), ""),
            result.batch_id,
            result.duplicate,
            [(job.job, str(job.output).replace(str(folder), ""), dict(job.counts)) for job in result.jobs],
        )
        for result in results
    ]


@pytest.mark.usefixtures("prefect_server")
def test_both_engines_give_equal_outputs_counts_codes_messages_and_ids(tmp_path, monkeypatch):
    local = run_everything("local", tmp_path / "local", monkeypatch)
    prefect = run_everything("prefect", tmp_path / "prefect", monkeypatch)

    assert local == prefect
    assert 22 == len(local)


SWAPPING = """
from pathlib import Path
from pipeline_jobs import BaseJob, JobA, JobB
from pipeline_orchestration import PipelineDefinition

class Swap(BaseJob[Path, Path]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        other = value.with_name("other")
        other.write_text('["other"]')
        other.rename(value)
        return value

pipeline = PipelineDefinition("swapping").add_job("A", lambda run: JobA(run.output_dir))
pipeline.add_job("swap", lambda run: Swap()).add_job("B", lambda run: JobB(run.store))
"""


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("engine", ["local", "prefect"])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_in_one_run_a_document_that_was_replaced_is_not_loaded(folder, engine, concurrency):
    """In the next one it is: users may replace a document between two commands."""
    (folder / "swapping.py").write_text(SWAPPING)
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text(name)
    settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF", "concurrency": concurrency}
    runner = PipelineRunner(engine=engine, pipeline="swapping.py:pipeline", **settings)

    results = runner.run_many(["one.txt", "two.txt"])

    assert ["input.changed", "input.changed"] == [result.code for result in results]
    assert runner.run("out/one_processed.json", "B").success
