"""Discovery of inputs: folders and patterns, and the files that are left out."""

import os
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineConfig, PipelineRunner, expand_inputs


@pytest.fixture
def config(folder):
    for name in ("b.txt", "a.txt", ".hidden", "in/c.txt", "in/deep/d.txt", "in/7", "[x].txt", "*.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return PipelineConfig.load(output_dir="out", db_path="p.db")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a.txt"], ["a.txt"]),
        (["in"], ["in/7", "in/c.txt"]),
        (["in/"], ["in/7", "in/c.txt"]),
        (["*.txt"], ["[x].txt", "a.txt", "b.txt"]),
        (["b.txt", "*.txt"], ["b.txt", "[x].txt", "a.txt"]),
        (["in/**"], ["in/7", "in/c.txt", "in/deep/d.txt"]),
        (["**/*.txt"], ["[x].txt", "a.txt", "b.txt", "in/c.txt", "in/deep/d.txt"]),
        (["in/?"], ["in/7"]),
        (["a.txt", "./a.txt", "in/../a.txt"], ["a.txt"]),
        (["[x].txt", "*.md"], ["[x].txt", "*.md"]),
        (["none*", "none/", "none"], ["none*", "none/", "none"]),
        (["7", "7", "nowhere://bucket/*.txt", "", "a\0*"], ["7", "7", "nowhere://bucket/*.txt", "", "a\0*"]),
    ],
    ids=str,
)
def test_folders_and_patterns_become_sorted_files_each_once(config, given, expected):
    """A quoted pattern gives the same as one that a shell expands."""
    assert expected == [str(value) for value in expand_inputs(given, config)]


def test_a_value_that_is_no_name_is_kept(config):
    data = {"records": ["*"]}

    assert [data, 7, None] == expand_inputs([data, 7, None], config)


def test_a_file_named_by_digits_is_no_id(config):
    """The text 7 is an id; a file that a pattern finds is a path."""
    assert [Path("in/7")] == expand_inputs(["in/7*"], config)


def test_a_link_and_its_file_are_one_input(config, folder):
    """They are one source, so one batch."""
    (folder / "link.txt").symlink_to("a.txt")
    (folder / "folder").symlink_to("in")

    assert ["a.txt"] == expand_inputs(["a.txt", "link.txt"], config)
    assert 2 == len(expand_inputs(["in", "folder"], config))


@pytest.mark.parametrize("kind", ["dangling", "pipe", "folder"])
def test_only_regular_files_are_found(config, folder, kind):
    path = folder / "in/odd"
    {"dangling": lambda: path.symlink_to("nowhere"), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[
        kind
    ]()

    assert ["in/7", "in/c.txt"] == [str(value) for value in expand_inputs(["in"], config)]
    assert ["in/7", "in/c.txt"] == [str(value) for value in expand_inputs(["in/*"], config)]


def test_documents_and_database_of_a_run_are_no_inputs(folder, sample):
    """The same command finds the same files again, wherever output folder and database are."""
    for places in ({"output_dir": ".", "db_path": "p.db"}, {"output_dir": "out", "db_path": "out/p.db"}):
        runner = PipelineRunner(**places, engine="local", log_level="OFF")
        before = expand_inputs(["**"], runner.config)
        runner.run_many(before)

        assert [Path("sample.txt")] == before == expand_inputs(["**"], runner.config)
        (folder / "sample_processed.json").unlink(missing_ok=True)
        (folder / "p.db").unlink(missing_ok=True)


def test_a_document_is_an_input_of_the_job_that_loads_it(folder, sample):
    runner = PipelineRunner(output_dir="out", db_path="p.db", engine="local", log_level="OFF")
    runner.run(sample, stop_after="A")

    assert ["out"] == expand_inputs(["out"], runner.config)
    assert [Path("out/sample_processed.json")] == expand_inputs(["out"], runner.config, documents=True)


def test_a_folder_without_files_is_kept_and_refused_by_the_job(config, folder):
    (folder / "empty").mkdir()
    runner = PipelineRunner(output_dir="out", db_path="p.db", engine="local", log_level="OFF")

    results = runner.run_many(expand_inputs(["empty", "none*.txt"], config))

    assert ["input.not_a_file", "input.missing"] == [result.code for result in results]
    assert f"{folder}/none*.txt: no such file" == results[1].error


@pytest.mark.parametrize(
    "start", ["file://", "file://localhost", "FILE://", "File://localhost", "local://", "LOCAL://"]
)
@pytest.mark.parametrize(
    ("name", "expected"),
    [("/a.txt", None), ("/in", ["in/7", "in/c.txt"]), ("/in/*.txt", ["in/c.txt"]), ("/none", None)],
)
def test_every_url_of_a_file_here_is_a_path(config, folder, start, name, expected):
    url = f"{start}{folder}{name}"

    found = expand_inputs([url, f"{folder}{name}"], config)  # each file is listed once

    kept = [url, f"{folder}{name}"] if name == "/none" else [url]
    assert (kept if expected is None else [folder / each for each in expected]) == found


@pytest.mark.parametrize(
    "url",
    [
        "file://host/x.txt",
        "FILE://host/x.txt",
        "local://host/x",
        "file://localhost",
        "file:///a%00b",
        "file://",
    ],
)
def test_other_inputs_go_on_beside_a_wrong_url_of_a_file(config, url):
    inputs = expand_inputs([url, "a.txt"], config)
    wrong, right = PipelineRunner(engine="local", output_dir="out", db_path="p.db").run_many(inputs)

    assert wrong.code in {"input.url", "input.path", "input.missing"}
    assert right.success


@pytest.mark.parametrize("start", ["file://localhost", "FILE://", "local://"])
def test_a_file_by_its_url_is_the_source_that_its_path_is(config, folder, start):
    runner = PipelineRunner(engine="local", output_dir="out", db_path="p.db")
    first, second = runner.run_many([folder / "a.txt", f"{start}{folder}/a.txt"])

    assert (first.batch_id, True) == (second.batch_id, second.success)
