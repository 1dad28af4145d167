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
