"""The first job: it decides what an input given as text means."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition, UsageError
from pipeline_orchestration.execution.first_job import FirstJob
from pipeline_orchestration.inputs import Stream
from pipeline_orchestration.text_pipeline import pipeline as text_pipeline


class Orders(BaseJob[object, object]):
    """Does not say what it takes."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return value


@pytest.fixture(autouse=True)
def files(folder):
    """A folder, a name of digits, and a name of letters."""
    (folder / "data").mkdir()
    for name in ("data/a.txt", "data/b.txt", "7", "orders"):
        (folder / name).touch()


@pytest.fixture
def make():
    """A function that makes the first job of a pipeline of one job."""

    def make_first_job(takes=None, factory=lambda run: Orders()):
        definition = PipelineDefinition("own").add_job("load", factory, takes=takes)
        return FirstJob(definition, None, PipelineConfig.load())

    return make_first_job


def get_values(inputs, folder):
    """Return the values of inputs; paths are relative, as those of a folder."""
    return [each.value.relative_to(folder) if isinstance(each.value, Path) else each.value for each in inputs]


WORDS = ["data", "dat?/a*", "7", "orders", "missing", "s3://bucket/x"]
IN_DATA = [Path("data/a.txt"), Path("data/b.txt")]


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ("files", [*IN_DATA, Path("7"), Path("orders"), "missing", "s3://bucket/x"]),
        ("text", WORDS),
        ("any", [*IN_DATA, "7", Path("orders"), "missing", "s3://bucket/x"]),
        (None, [*IN_DATA, "7", Path("orders"), "missing", "s3://bucket/x"]),
    ],
)
def test_words_of_a_command_are_files_or_text_as_the_job_says(make, folder, takes, expected):
    assert expected == get_values(make(takes).parse_words(WORDS), folder)


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ("files", [Path("data"), "dat?/a*", Path("7"), Path("orders"), "missing", "s3://bucket/x"]),
        ("text", WORDS),
        ("any", [Path("data"), "dat?/a*", "7", Path("orders"), "missing", "s3://bucket/x"]),
        (None, [Path("data"), "dat?/a*", "7", Path("orders"), "missing", "s3://bucket/x"]),
    ],
)
def test_values_from_python_are_never_expanded(make, folder, takes, expected):
    assert expected == get_values(make(takes).parse(WORDS), folder)


def test_other_values_mean_the_same_to_any_job(make):
    values = [Path("orders"), 7, ["orders"], None]

    for takes in ("files", "text", "any", None):
        assert [Path("orders").absolute(), *values[1:]] == [each.value for each in make(takes).parse(values)]


@pytest.mark.parametrize(
    ("start_from", "word", "value"),
    [("A", "7", Path("7")), ("B", "7", "7"), ("B", "orders", Path("orders")), ("C", "orders", "orders")],
)
def test_the_first_job_of_the_range_decides(folder, start_from, word, value):
    """B and C are built with a store, but their database is not looked for."""
    first_job = FirstJob(text_pipeline, start_from, PipelineConfig.load(db_path="no/such/x.db"))

    assert [value] == get_values(first_job.parse_words([word]), folder)
    assert not (folder / "no").exists()


def test_text_has_the_source_of_text_whatever_there_is(make, folder):
    words = ["orders", "data", "7", "file:///x"]

    assert [f"input:{word.replace(':', '%3A')}" for word in words] == [
        each.source.uri for each in make("text").parse_words(words)
    ]
    assert [f"file://{folder}/orders", f"file://{folder}/data", f"file://{folder}/7", "file:///x"] == [
        each.source.uri for each in make("files").parse(words)
    ]


def test_a_url_with_a_password_is_refused_for_text_too(make):
    (refused,) = make("text").parse_words(["https://me:secret@host/x"])

    assert ("https://…", "input.url") == (refused.label, refused.refusal.code)


def test_the_definition_overrides_the_class(folder):
    definition = PipelineDefinition("own").add_job("A", lambda run: pytest.fail("built"), takes="text")

    assert ["data"] == [
        each.value for each in FirstJob(definition, None, PipelineConfig.load()).parse_words(["data"])
    ]


def test_a_job_is_built_only_where_it_matters(make):
    """At most once in a run: factories may count their calls."""
    built = []
    first_job = make(factory=lambda run: built.append(run) or Orders())

    first_job.parse(["missing", "8", Path("orders"), "https://host/x", ["orders"], "\0"])
    assert [] == built
    first_job.parse_words(["missing", "8"])
    assert [] == built
    first_job.parse_words(["data"])
    first_job.parse(["orders", "7"])
    assert 1 == len(built)


def test_a_job_is_built_with_the_parameters_of_the_run(folder):
    @dataclass
    class Params:
        takes: str

    def build(run):
        return type("Job", (Orders,), {"takes": run.params.takes})()

    definition = PipelineDefinition("own", params=Params).add_job("load", build)

    def ask(given):
        return FirstJob(definition, None, PipelineConfig.load(), given).takes

    assert ("text", "files", None) == (ask({"takes": "text"}), ask({"takes": "files"}), ask({}))


def test_if_the_job_cannot_be_built_the_disk_decides(make, folder, caplog):
    """The run reports why it cannot."""
    for error in (ValueError(), SystemExit(3)):

        def fail(run, error=error):
            raise error

        assert [*IN_DATA, "7"] == get_values(make(factory=fail).parse_words(["data", "7"]), folder)
    assert [] == caplog.messages


def test_one_warning_says_where_the_disk_decided(make, caplog):
    caplog.set_level(logging.WARNING)
    first_job = make()
    first_job.parse_words(["missing", "7", "dat?/a*", "orders"])
    first_job.parse(["orders"])

    text = "was taken for a file or folder, as there is one; its class Orders does not say what it takes"
    hint = 'write takes = "files" or takes = "text" in it'
    assert [f"job load: 'dat?/a*' {text}: {hint}"] == caplog.messages


def test_the_dash_is_text_for_a_job_that_does_not_say_what_it_takes(make, caplog):
    (run_input,) = make().parse_words(["-"], streams=True)

    assert ("-", None) == (run_input.value, run_input.origin)
    text = "job load: '-' was taken for text, not for standard input"
    hint = 'its class Orders does not say what it takes: write takes = "files" or takes = "text" in it'
    assert [f"{text}; {hint}"] == caplog.messages


def test_standard_input_and_pipes_are_the_commands_own(make, folder):
    """Python and a deployed run get them as any other name, and do not wait for a writer."""
    os.mkfifo(folder / "pipe")

    for takes in ("files", "any"):
        words = ["-", "pipe", "-", "./pipe"]
        assert ["-", "pipe"] == [each.label for each in make(takes).parse_words(words, streams=True)]
        assert {Stream} == {type(each.value) for each in make(takes).parse_words(words, streams=True)}
        assert ["-", folder / "pipe"] == [each.value for each in make(takes).parse_words(words[:2])]
        assert ["-", folder / "pipe"] == [each.value for each in make(takes).parse(words[:2])]
    assert ["-", "pipe"] == [each.value for each in make("text").parse_words(words[:2], streams=True)]


def test_there_is_no_warning_where_nothing_of_that_name_is(make, caplog):
    caplog.set_level(logging.WARNING)
    make().parse_words(["missing", "7", "x*"])
    make().parse(["missing", "7", Path("orders")])

    assert [] == caplog.messages


@pytest.mark.parametrize("wrong", ["file", "", 1, ["files"]])
def test_a_definition_refuses_what_no_job_can_take(make, wrong):
    with pytest.raises(UsageError) as refused:
        make(wrong)

    assert "usage.job" == refused.value.code
    assert f"job 'load': takes is {wrong!r}, expected 'files', 'text' or 'any'" == str(refused.value)
