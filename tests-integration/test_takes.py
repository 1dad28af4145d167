"""Inputs of jobs of one's own: as each job takes them, and those that can be read once."""

import os
import sys
import tempfile
import threading

import pytest
from ways import JOB, WAYS

from pipeline_db import PeeweeStore
from pipeline_orchestration import PipelineRunner

TAKING = """
class Show(Job):
    def single_job(self, value):
        return f"{type(value).__name__} {value}"

class Text(Show):
    takes = "text"

class Files(Show):
    takes = "files"

class Data(Show):
    takes = "text"

    def single_job(self, value):
        return [value]

text = PipelineDefinition("text").add_job("show", lambda run: Text())
files = PipelineDefinition("files").add_job("show", lambda run: Files())
undeclared = PipelineDefinition("undeclared").add_job("show", lambda run: Show())
data = PipelineDefinition("data").add_job("data", lambda run: Data())
data.add_job("B", lambda run: JobB(run.store))
"""


@pytest.fixture
def takers(way, folder):
    """A function that makes a runner for a definition of `TAKING`; there are files of the names of inputs."""
    (folder / "own.py").write_text("from pipeline_jobs import JobB\n" + JOB + TAKING)
    (folder / "data").mkdir()
    for name in ("orders", "7", "data/a", "data/b"):
        (folder / name).touch()

    def make(name):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | WAYS[way]
        return PipelineRunner(pipeline=f"own.py:{name}", **settings)

    return make


def test_an_input_means_what_the_job_says(takers, folder, way):
    """Not what happens to be in the current folder.

    That is decided before the inputs are spread, so that a cluster, which is slow to start, runs some only.
    """
    words = ["orders", "7", "data", "missing"]

    def run_command(name):
        runner = takers(name)
        return [
            (each.input, each.output or each.error) for each in runner.run_many(runner.parse_words(words))
        ]

    def run_python(name):
        return [(each.input, each.output or each.error) for each in takers(name).run_many(words)]

    as_text = [(word, f"str {word}") for word in words]
    as_paths = {name: (name, f"PosixPath {folder / name}") for name in [*words, "data/a", "data/b"]}
    orders, digits, data = (as_paths[word] for word in words[:3])
    in_data = [as_paths["data/a"], as_paths["data/b"]]
    missing = ("missing", f"{folder}/missing: no such file")

    assert as_text == run_command("text") == run_python("text")
    if "ray" in way:
        return
    assert [orders, digits, *in_data, missing] == run_command("files")
    assert [orders, digits, data, missing] == run_python("files")
    assert [orders, as_text[1], *in_data, as_text[3]] == run_command("undeclared")


def test_the_batch_of_a_text_names_the_text(takers, folder):
    results = takers("data").run_many(["orders", "data"])

    assert [True, True] == [result.success for result in results]
    assert {"input:orders", "input:data"} == {each.source for each in PeeweeStore("p.db").batches()}


PIPED = """
from pathlib import Path
from pipeline_jobs import JobA, JobB, open_text, write_document

class Read(BaseJob[Path, list]):
    attempts = 0

    def validate_input(self, value):
        value.read_bytes()
        return value

    def single_job(self, value):
        self.attempts += 1
        lines = value.read_text().splitlines()
        if self.attempts == 1:
            raise ConnectionError
        assert (self.source is not None) == (value.name in ("stdin", "pipe"))
        return lines

own = PipelineDefinition("own").add_job("read", lambda run: Read(), retries=1, retry_delay_seconds=0)
own.add_job("B", lambda run: JobB(run.store))
text = PipelineDefinition("text").add_job("A", lambda run: JobA(run.output_dir))
text.add_job("B", lambda run: JobB(run.store))

class Write(BaseJob[Path, Path]):
    def __init__(self, folder):
        self.folder = folder

    def validate_input(self, value):
        return value

    def single_job(self, value):
        with open_text(value) as lines:
            return write_document(self.folder, lines, (line.rstrip() for line in lines))

toolkit = PipelineDefinition("toolkit").add_job("write", lambda run: Write(run.output_dir))
toolkit.add_job("B", lambda run: JobB(run.store))
"""


@pytest.mark.parametrize("name", ["own", "text", "toolkit"])
def test_standard_input_and_a_pipe_are_read_as_often_as_jobs_like(way, folder, monkeypatch, name):
    """Also in another process, and in a retry; the temporary files are gone at the end."""
    (folder / "own.py").write_text(JOB + PIPED)
    (folder / "plain").write_text("plain\n")
    (folder / "temporary").mkdir()
    (folder / "input").write_text("one\ntwo\n")
    os.mkfifo(folder / "pipe")
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | WAYS[way]
    runner = PipelineRunner(pipeline=f"own.py:{name}", **settings)
    writer = threading.Thread(target=lambda: (folder / "pipe").write_text("three\n"))
    writer.start()
    with (folder / "input").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        results = runner.run_many(runner.parse_words(["-", "pipe", "plain"]))
    writer.join()

    assert [("-", None), ("pipe", None), ("plain", None)] == [(each.input, each.error) for each in results]
    store = PeeweeStore("p.db")
    batches = {each.source: [line.content for line in store.records(each.id)] for each in store.batches()}
    assert {
        "stdin:": ["one", "two"],
        f"file://{folder}/pipe": ["three"],
        f"file://{folder}/plain": ["plain"],
    } == batches
    assert [] == list((folder / "temporary").glob("pipeline-*"))  # Dask leaves a folder of its own
