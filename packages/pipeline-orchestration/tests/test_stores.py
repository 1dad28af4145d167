"""Inputs and outputs in a store: settings, crossing, and runs on either engine."""

from pathlib import Path

import pytest

from pipeline_jobs import InputError, Url
from pipeline_orchestration import PipelineConfig, RunContext, UsageError, diagnose, local, text
from pipeline_orchestration.crossing import crossed, restored
from pipeline_orchestration.labels import label
from pipeline_orchestration.sequence import run_all


@pytest.fixture
def store():
    """The store of fsspec in memory, empty; it is that of all threads of this process."""
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.rm("/", recursive=True)
    yield system
    system.rm("/", recursive=True)


@pytest.mark.parametrize("given", ["s3://bucket/out", Url("s3://bucket/out"), "S3A://bucket/out"])
def test_output_folder_may_be_in_a_store(given):
    config = PipelineConfig.load(output_dir=given)

    assert Url("s3://bucket/out") == config.output_dir == RunContext(config, "run 1").output_dir


def test_output_folder_by_a_url_of_this_machine_is_a_path(folder, monkeypatch):
    monkeypatch.setenv("PIPELINE_OUTPUT_DIR", (folder / "a b").as_uri())

    assert folder / "a b" == PipelineConfig.load().output_dir


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("sftp://me:secret@host/out", "sftp://…: a URL with a password is not taken"),
        (Path("s3://bucket"), "s3:/bucket: a URL is given as text, of which a path drops a slash"),
    ],
)
def test_output_folder_that_makes_no_sense_is_refused(given, reason):
    with pytest.raises(UsageError) as caught:
        PipelineConfig.load(output_dir=given)

    assert "usage.setting" == caught.value.code
    assert str(caught.value).startswith(f"output_dir (argument): {reason}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "crossing"),
    [
        ("s3://bucket/a b%20.txt", "s3://bucket/a b%20.txt"),
        (Url("s3://bucket/a b"), "s3://bucket/a b"),
        ("s3://bucket/a\n", 'json:"s3://bucket/a\\n"'),
    ],
)
def test_url_crosses_in_plain_sight(folder, value, crossing):
    with crossed(value, folder / "spool") as text:
        assert crossing == text
        assert str(value) == restored(text)


@pytest.mark.parametrize("url", ["https://me:secret@host/x", "https://host/x?X-Amz-Signature=secret"])
def test_url_with_a_secret_reaches_no_engine(runner, url, caplog):
    result = runner().run(url)

    assert ("input.url", "https://…") == (result.code, result.input)
    assert "secret" not in f"{result}{caplog.text}{label(url)}"
    with pytest.raises(InputError), crossed(url, Path("unused")):
        pass


def test_data_is_kept_in_the_store_of_the_documents(store):
    with crossed(["secret"], Url("memory://out")) as text:
        (kept,) = store.store
        assert f"json:memory:/{kept}" == text
        assert ["secret"] == restored(text)
        assert "memory" == label(text)
    assert {} == store.store


def test_run_into_a_store_and_on_from_there(runner, store, ask):
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


def test_data_that_is_gone_from_its_store_is_a_failure_of_its_run(store):
    specs = text.pipeline.between("B")
    context = RunContext(PipelineConfig.load(), "run 1")

    (result,) = run_all(specs, ["json:memory://gone"], context, "local", local.execute)

    assert ("memory", "B", "input.missing") == (result.input, result.last.job, result.code)


def test_trouble_with_one_input_lets_the_others_go_on(runner, store):
    store.pipe_file("/x.txt", b"one\n")

    missing, there = runner().run_many(["memory://missing.txt", "memory://x.txt"])

    assert ("input.missing", True) == (missing.code, there.success)


def test_store_is_examined(store):
    findings = {each.what: each for each in diagnose(output_dir="nowhere://out")}

    assert "output.library" == findings["output folder"].error.code
