"""Inputs and outputs in a remote store: settings, and runs on both engines."""

from pathlib import Path

import pytest

from pipeline_jobs import Url
from pipeline_orchestration import PipelineConfig, RunContext, UsageError, diagnose


@pytest.fixture
def store():
    """The empty store of fsspec in memory, which all threads of this process share."""
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.rm("/", recursive=True)
    yield system
    system.rm("/", recursive=True)


@pytest.mark.parametrize("given", ["s3://bucket/out", Url("s3://bucket/out"), "S3A://bucket/out"])
def test_the_output_folder_may_be_in_a_store(given):
    config = PipelineConfig.load(output_dir=given)

    assert Url("s3://bucket/out") == config.output_dir == RunContext(config, "run 1").output_dir


def test_the_output_folder_by_a_file_url_is_a_path(folder, monkeypatch):
    monkeypatch.setenv("PIPELINE_OUTPUT_DIR", (folder / "a b").as_uri())

    assert folder / "a b" == PipelineConfig.load().output_dir


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("sftp://me:secret@host/out", "sftp://…: a URL cannot hold a password"),
        (Path("s3://bucket"), "s3:/bucket: give a URL as text, because a path object drops a slash"),
    ],
)
def test_an_invalid_output_folder_is_refused(given, reason):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(output_dir=given)

    assert "usage.setting" == caught.value.code
    assert str(caught.value).startswith(f"output_dir (argument): {reason}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://me:secret@host/x", "https://host/x?X-Amz-Signature=secret"])
def test_a_url_with_a_secret_is_refused_and_not_quoted(runner, url, caplog):
    result = runner().run(url)

    assert ("input.url", "https://…") == (result.code, result.input)
    assert "secret" not in f"{result}{caplog.text}"


def test_a_run_writes_to_a_store_and_continues_from_it(runner, store, ask):
    store.pipe_file("/in/a b.txt", b"one\n\nthree\n")
    runner = runner(output_dir="memory://out")

    whole = runner.run("memory://in/a b.txt")
    document = runner.run_single("A", Url("memory://in/a b.txt"))
    again = runner.run_from("B", document.output)
    data = runner.run_from("B", ["in memory"])

    assert [True] * 4 == [result.success for result in (whole, document, again, data)]
    assert Url("memory://out/a b_processed.json") == document.output
    assert ["/in/a b.txt", "/out/a b_processed.json"] == sorted(store.store)
    assert (1, True, 2) == (again.batch_id, again.duplicate, data.batch_id)
    sources = ask("p.db", "SELECT source FROM processing_batches ORDER BY id")
    assert [("memory://in/a%20b.txt",), ("memory:",)] == sources


def test_a_missing_input_does_not_stop_the_others(runner, store):
    store.pipe_file("/x.txt", b"one\n")

    missing, present = runner().run_many(["memory://missing.txt", "memory://x.txt"])

    assert ("input.missing", True) == (missing.code, present.success)


def test_the_diagnostics_examine_the_store(store):
    findings = {each.what: each for each in diagnose(output_dir="nowhere://out")}

    assert "output.library" == findings["output folder"].error.code
