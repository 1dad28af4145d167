"""Definitions: jobs in order, their settings, and ranges of them."""

import math
from dataclasses import FrozenInstanceError

import pytest

from pipeline_orchestration import JobSpec, PipelineDefinition, UsageError


def build(_run):
    raise NotImplementedError


@pytest.fixture
def letters():
    pipeline = PipelineDefinition("letters")
    for name in ("A", "B", "C"):
        pipeline.add_job(name, build)
    return pipeline


def test_jobs_are_kept_in_order(letters):
    assert "letters" == letters.name
    assert ("A", "B", "C") == letters.names


def test_add_job_returns_the_definition():
    pipeline = PipelineDefinition("one")

    assert pipeline is pipeline.add_job("A", build)


def test_a_retry_waits_for_a_year_at_most():
    assert 366 * 24 * 3600 == JobSpec("A", build, 50, 1.0).delays[-1]


def test_a_job_spec_is_a_frozen_value():
    pipeline = PipelineDefinition("one").add_job("A", build, retries=2, retry_delay_seconds=0.5)
    (spec,) = pipeline.select_jobs()

    assert JobSpec("A", build, 2, 0.5) == spec
    with pytest.raises(FrozenInstanceError):
        spec.retries = 3


@pytest.mark.parametrize(
    ("retries", "seconds", "delays"),
    [
        (0, 1.0, ()),
        (1, 0.5, (0.5,)),
        (4, 1.0, (1, 2, 4, 8)),
        (2, 0, (0, 0)),
        (4, (1, 5), (1, 5, 5, 5)),
        (1, [1, 5], (1,)),
    ],
)
def test_delays_are_doubled_or_listed(retries, seconds, delays):
    assert delays == JobSpec("A", build, retries, seconds).delays


@pytest.mark.parametrize(
    ("start", "stop", "names"),
    [
        (None, None, "ABC"),
        ("A", "C", "ABC"),
        ("B", None, "BC"),
        (None, "B", "AB"),
        ("B", "B", "B"),
        ("C", None, "C"),
        (None, "A", "A"),
    ],
)
def test_a_range_includes_both_ends(letters, start, stop, names):
    assert list(names) == [spec.name for spec in letters.select_jobs(start, stop)]


@pytest.mark.parametrize(
    ("start", "stop", "code", "message"),
    [
        ("C", "A", "usage.reversed_range", "job 'A' comes before 'C'; the order is A, B, C"),
        ("b", None, "usage.unknown_job", "pipeline 'letters' has no job 'b'; did you mean 'B'?"),
        (None, "X", "usage.unknown_job", "pipeline 'letters' has no job 'X'; there are A, B, C"),
        ("", None, "usage.unknown_job", "pipeline 'letters' has no job ''; there are A, B, C"),
        ("A\n", None, "usage.unknown_job", "pipeline 'letters' has no job 'A\\n'; did you mean 'A'?"),
    ],
)
def test_an_invalid_range_is_refused(letters, start, stop, code, message):
    with pytest.raises(UsageError) as caught:
        letters.select_jobs(start, stop)

    assert (code, message) == (caught.value.code, str(caught.value))


def test_a_similar_name_is_suggested():
    pipeline = PipelineDefinition("words").add_job("Extract", build).add_job("Load", build)

    with pytest.raises(UsageError, match=r"has no job 'extrct'; did you mean 'Extract'\?$"):
        pipeline.select_jobs("extrct")


def test_a_pipeline_without_jobs_has_no_range():
    with pytest.raises(UsageError, match=r"^pipeline 'none' has no jobs; add one by add_job\(\)$") as caught:
        PipelineDefinition("none").select_jobs()

    assert "usage.no_jobs" == caught.value.code


RETRIES = "expected a whole number from 0 to 50"
DELAY = "expected from 0 s to a year, or a list of such delays"
TIMEOUT = "expected more than 0 s, and at most a year"
LIMIT = "expected a whole number from 1 to 10000"
RETRY_ON = "expected subclasses of Exception"


@pytest.mark.parametrize(
    ("name", "policy", "message"),
    [
        ("", {}, "invalid job name '': expected printable text"),
        ("A\n", {}, "invalid job name 'A\\n': expected printable text"),
        ("\ud800", {}, "invalid job name '\\ud800': expected printable text"),
        ("A", {}, "pipeline 'letters' already has a job 'A'"),
        ("D", {"retries": -1}, f"job 'D': retries is -1, {RETRIES}"),
        ("D", {"retries": 51}, f"job 'D': retries is 51, {RETRIES}"),
        ("D", {"retries": 1.5}, f"job 'D': retries is 1.5, {RETRIES}"),
        ("D", {"retries": True}, f"job 'D': retries is True, {RETRIES}"),
        ("D", {"retry_delay_seconds": -0.1}, f"job 'D': retry_delay_seconds is -0.1, {DELAY}"),
        ("D", {"retry_delay_seconds": math.inf}, f"job 'D': retry_delay_seconds is inf, {DELAY}"),
        ("D", {"retry_delay_seconds": math.nan}, f"job 'D': retry_delay_seconds is nan, {DELAY}"),
        ("D", {"retry_delay_seconds": []}, f"job 'D': retry_delay_seconds is (), {DELAY}"),
        ("D", {"retry_delay_seconds": [1, -1]}, f"job 'D': retry_delay_seconds is (1, -1), {DELAY}"),
        ("D", {"retry_delay_seconds": "1"}, f"job 'D': retry_delay_seconds is ('1',), {DELAY}"),
        ("D", {"retry_delay_seconds": None}, f"job 'D': retry_delay_seconds is None, {DELAY}"),
        ("D", {"retry_jitter_factor": -1}, "job 'D': retry_jitter_factor is -1, expected from 0 to 10"),
        ("D", {"timeout_seconds": 0}, f"job 'D': timeout_seconds is 0, {TIMEOUT}"),
        ("D", {"timeout_seconds": -1}, f"job 'D': timeout_seconds is -1, {TIMEOUT}"),
        ("D", {"timeout_seconds": 1e300}, f"job 'D': timeout_seconds is 1e+300, {TIMEOUT}"),
        ("D", {"timeout_seconds": math.nan}, f"job 'D': timeout_seconds is nan, {TIMEOUT}"),
        ("D", {"timeout_seconds": "5"}, f"job 'D': timeout_seconds is '5', {TIMEOUT}"),
        ("D", {"concurrency_limit": 0}, f"job 'D': concurrency_limit is 0, {LIMIT}"),
        ("D", {"concurrency_limit": 1.0}, f"job 'D': concurrency_limit is 1.0, {LIMIT}"),
        ("D", {"retry_on": 1}, f"job 'D': retry_on is 1, {RETRY_ON}"),
        ("D", {"retry_on": "x"}, f"job 'D': retry_on is ('x',), {RETRY_ON}"),
        (
            "D",
            {"retry_on": [OSError, int]},
            f"job 'D': retry_on is (<class 'OSError'>, <class 'int'>), {RETRY_ON}",
        ),
        ("D", {"retry_on": SystemExit}, f"job 'D': retry_on is (<class 'SystemExit'>,), {RETRY_ON}"),
    ],
)
def test_an_invalid_job_is_refused(letters, name, policy, message):
    """Prefect takes 50 delays at most; the bounds are the same for both engines."""
    with pytest.raises(UsageError) as caught:
        letters.add_job(name, build, **policy)

    assert ("usage.job", message) == (caught.value.code, str(caught.value))
    assert ("A", "B", "C") == letters.names


@pytest.mark.parametrize(
    ("given", "retry_on"),
    [(None, None), ((), ()), (OSError, (OSError,)), ([OSError, KeyError], (OSError, KeyError))],
)
def test_exceptions_that_are_retried_are_given_alone_or_in_a_list(given, retry_on):
    (spec,) = PipelineDefinition("one").add_job("A", build, retry_on=given).select_jobs()

    assert retry_on == spec.retry_on
