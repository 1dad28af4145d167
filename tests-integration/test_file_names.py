"""File names: whatever a file system allows, on either engine, and files of the same stem."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from pipeline_orchestration import PipelineRunner

NAMES = [
    "two words.txt",
    'it\'s "quoted" `so`.txt',
    "two\nlines.txt",
    "\x1b[31mred\x1b[0m\x07\x7f.txt",
    os.fsdecode(b"\xff\xfe latin \xe9.txt"),
    "-dash.txt",
    "--json",
    "größe 🎉 \u202e.txt",
    "100% #1 ?a=b&c {name} \\ [red].txt",
    ".hidden",
    "no suffix",
    "7",
    f"{'x' * 251}.txt",
]


def read_contents(database):
    """Return the contents of each finalized batch by the bytes of its source's path."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT source, content FROM finalized_records ORDER BY batch_id, line_number"
        )
        return [(unquote_to_bytes(source.removeprefix("file://")), content) for source, content in rows]


def test_any_name_is_loaded_or_refused(pipeline, engine, folder):
    """In one command: each file under its own name, and no control character in the output."""
    Path("bad").mkdir()
    for number, name in enumerate(NAMES):
        Path(name).write_text(f"line {number}\n", encoding="utf-8")
        Path("bad", name).write_bytes(b"\xff")

    done = pipeline("run-all", "--no-progress", "--", *NAMES, *(f"bad/{name}" for name in NAMES), "no\nfile")

    expected = [(os.fsencode(folder / name), f"line {number}") for number, name in enumerate(NAMES)]
    count = len(NAMES)
    assert expected == read_contents("data/pipeline.db")
    assert f"{2 * count + 1} inputs: {count} done, {count + 1} failed" == done.stdout.splitlines()[-1]
    assert count == done.stderr.count("has another encoding, set it with --encoding [input.undecodable]\n")
    assert f"Error: A no\\nfile: {folder}/no\\nfile: no such file [input.missing]" in done.stderr
    assert f"engine {engine}:" in done.stderr
    assert (done.stdout + done.stderr).replace("\n", "").isprintable()
    assert 3 == done.returncode


def test_files_of_one_stem_have_an_output_each(engine, folder):
    """In two folders, or with two suffixes: the second output has another name, the same in every run."""
    sources = [Path("a/x.txt"), Path("b/x.txt"), Path("b/x.log")]
    for source in sources:
        source.parent.mkdir(exist_ok=True)
        source.write_text("the same line\n", encoding="utf-8")
    runner = PipelineRunner()

    results = runner.run_many(sources)
    again = runner.run_many(reversed(sources))

    outputs = [result.jobs[0].output for result in results]
    assert [1, 2, 3] == [result.output for result in results]
    assert folder / "data/output/x_processed.json" == outputs[0]
    assert [source.absolute().as_uri() for source in sources] == [
        json.loads(output.read_text(encoding="utf-8"))["source"]["uri"] for output in outputs
    ]
    assert outputs == [result.jobs[0].output for result in reversed(again)]
    assert all(result.duplicate for result in again)
    assert {engine} == {result.engine for result in results}


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\r", b"\xef\xbb\xbf"], ids=["empty", "blank", "mark"])
def test_a_file_without_records_is_a_success(engine, folder, content):
    Path("empty.txt").write_bytes(content)

    result = PipelineRunner(engine=engine).run("empty.txt")

    assert (True, 1, 0) == (result.success, result.output, result.jobs[0].counts["records"])
    with closing(sqlite3.connect("data/pipeline.db")) as database:
        assert [("finalized", 0)] == list(
            database.execute("SELECT status, record_count FROM processing_batches")
        )
