"""A job of one's own may return, raise and count anything: its result says so, and the others go on."""

import asyncio
import io
import json
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path

import click
import pytest
from fuzz.example_budget import limit_examples
from hypothesis import given
from hypothesis import strategies as st

from pipeline_cli import streams
from pipeline_cli.output.report import print_json, print_text
from pipeline_jobs import BaseJob, BatchId, InputError, PipelineError, Url
from pipeline_orchestration import PipelineDefinition, PipelineRunner

# Its examples are large on purpose, and Hypothesis looks at their text.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


@pytest.fixture(autouse=True)
def own_streams(monkeypatch):
    """Print to the streams of this test, whatever an earlier one in this process has diverted."""
    monkeypatch.setattr(streams, "_state", streams._State())


class OddError(Exception):
    def __init__(self, first, second):
        super().__init__(second)

    def __str__(self):
        raise LookupError


class Odd:
    def __str__(self):
        raise LookupError

    def __eq__(self, other):
        raise LookupError

    __hash__ = None
    __repr__ = __str__


def generate():
    yield 1


# Hypothesis prints what it chooses from, which not all of these allow; so it chooses an index.
ODD_VALUES = [
    *(Odd(), Odd, json, len, object(), b"\xff", Path("\udcff"), Url("s3://b/x"), {1, 2}, range(3)),
    *(10**5000, BatchId(7), True, Decimal("NaN"), 1j),
]
LAZY_VALUES = [generate, lambda: iter([1]), lambda: map(str, [1]), Future, lambda: io.StringIO("x")]
TEXTS = st.text() | st.sampled_from(["\ud800", "\x1b[31m", "a\nb", "\u2028", 600 * "x"])
NUMBERS = st.integers() | st.floats()
VALUES = st.recursive(
    st.none() | TEXTS | NUMBERS | st.integers(0, len(ODD_VALUES) - 1).map(lambda number: ODD_VALUES[number]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=9,
)
LAZY = st.integers(0, len(LAZY_VALUES) - 1).map(lambda number: LAZY_VALUES[number])
ERRORS = st.one_of(
    st.builds(OddError, VALUES, VALUES),
    st.builds(ValueError, VALUES),
    st.builds(OSError, NUMBERS, TEXTS),
    st.builds(InputError, st.just("input.odd"), TEXTS),
    st.builds(PipelineError, st.just("shop.odd"), VALUES),
    st.builds(ExceptionGroup, TEXTS, st.lists(st.builds(ValueError, VALUES), min_size=1)),
    st.just(MemoryError()),
)
EXITS = st.one_of(
    st.builds(SystemExit, VALUES),
    st.builds(GeneratorExit, VALUES),
    st.builds(asyncio.CancelledError, VALUES),
    st.builds(BaseExceptionGroup, TEXTS, st.lists(st.builds(SystemExit, VALUES), min_size=1)),
)
COUNTS = st.dictionaries(TEXTS | st.integers(), st.integers() | VALUES) | VALUES
ACTS = st.one_of(
    *(
        st.tuples(st.just(kind), what)
        for kind, what in (("return", VALUES), ("lazy", LAZY), ("raise", ERRORS), ("exit", EXITS))
    )
)


class Acting(BaseJob[object, object]):
    """Does what it is told."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        (kind, what), counts = value
        self.counts = counts
        match kind:
            case "return":
                return what
            case "lazy":
                return what()
        raise what


class Failing(BaseJob[object, object]):
    """Fails with an error after which a command to continue is printed, if the value can be named."""

    takes = "text"

    def validate_input(self, value):
        return value

    def single_job(self, value):
        raise ConnectionError("no answer")


pipeline = PipelineDefinition("acting").add_job("act", lambda _: Acting())
failing = (
    PipelineDefinition("failing").add_job("act", lambda _: Acting()).add_job("fail", lambda _: Failing())
)


@limit_examples(200)
@given(inputs=st.lists(st.tuples(ACTS, COUNTS), min_size=1, max_size=4))
def test_whatever_a_job_does_its_result_says_so_and_others_go_on(capsys, inputs):
    runner = PipelineRunner(pipeline=pipeline, engine="local", log_level="OFF")

    results = runner.run_many([(act, counts) for act, counts in inputs])

    for ((kind, what), _), result in zip(inputs, results, strict=True):
        match kind:
            case "return":
                assert (True, None) == (result.success, result.code)
                assert what is result.output
            case "lazy":
                assert "job.output" == result.code
            case "exit":
                assert "job.exit" == result.code
            case "raise":
                assert what is result.last.exception
                assert getattr(what, "code", f"internal.{type(what).__name__}") == result.code
        assert isinstance(result.error, str | None)
        assert all(type(name) is str and type(count) is int for name, count in result.last.counts.items())

    print_json(runner, ["memory"] * len(inputs), results, {"start_from": None})
    assert len(inputs) == len(json.loads(capsys.readouterr().out)["runs"])
    print_text(runner, ["memory"] * len(inputs), results, {"start_from": None})
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in click.unstyle(printed.out + printed.err).split("\n"))


@limit_examples(50)
@given(outputs=st.lists(VALUES, min_size=1, max_size=4))
def test_whatever_a_job_returns_before_a_failure_the_report_is_whole(capsys, outputs):
    runner = PipelineRunner(pipeline=failing, engine="local", log_level="OFF")

    results = runner.run_many([(("return", output), {}) for output in outputs])

    assert ["internal.ConnectionError"] * len(outputs) == [result.code for result in results]
    print_json(runner, ["memory"] * len(outputs), results, {"start_from": None})
    for output, run in zip(outputs, json.loads(capsys.readouterr().out)["runs"], strict=True):
        command = run["continue_with"]
        assert command is None or isinstance(output, str | int | Path | Url)
        assert command is None or (command.isprintable() and output is not True)
    print_text(runner, ["memory"] * len(outputs), results, {"start_from": None})
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in click.unstyle(printed.out + printed.err).split("\n"))
