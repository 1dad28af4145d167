"""Jobs by name, in order, and the ranges of them."""

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


def test_adding_returns_the_definition_for_the_next_job():
    pipeline = PipelineDefinition("one")

    assert pipeline is pipeline.add_job("A", build)


def test_a_job_is_data():
    pipeline = PipelineDefinition("one").add_job("A", build, retries=2, retry_delay_seconds=0.5)
    (spec,) = pipeline.between()

    assert JobSpec("A", build, 2, 0.5) == spec
    with pytest.raises(FrozenInstanceError):
        spec.retries = 3


@pytest.mark.parametrize(
    ("retries", "seconds", "delays"), [(0, 1.0, ()), (1, 0.5, (0.5,)), (4, 1.0, (1, 2, 4, 8)), (2, 0, (0, 0))]
)
def test_each_retry_waits_twice_as_long(retries, seconds, delays):
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
    assert list(names) == [spec.name for spec in letters.between(start, stop)]


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
def test_a_range_that_makes_no_sense_is_refused(letters, start, stop, code, message):
    with pytest.raises(UsageError) as caught:
        letters.between(start, stop)

    assert (code, message) == (caught.value.code, str(caught.value))


def test_a_name_that_is_nearly_right_is_suggested():
    pipeline = PipelineDefinition("words").add_job("Extract", build).add_job("Load", build)

    with pytest.raises(UsageError, match=r"has no job 'extrct'; did you mean 'Extract'\?$"):
        pipeline.between("extrct")


def test_a_pipeline_without_jobs_has_no_range():
    with pytest.raises(UsageError, match=r"^pipeline 'none' has no jobs; add one by add_job\(\)$") as caught:
        PipelineDefinition("none").between()

    assert "usage.no_jobs" == caught.value.code


BOUNDS = "job 'D': retries lie between 0 and 50, their delay is 0 s or more"


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("", {}, "'' is no name for a job"),
        ("A\n", {}, "'A\\n' is no name for a job"),
        ("\ud800", {}, "'\\ud800' is no name for a job"),
        ("A", {}, "pipeline 'letters' has a job 'A' already"),
        ("D", {"retries": -1}, BOUNDS),
        ("D", {"retries": 51}, BOUNDS),
        ("D", {"retry_delay_seconds": -0.1}, BOUNDS),
        ("D", {"retry_delay_seconds": math.inf}, BOUNDS),
        ("D", {"retry_delay_seconds": math.nan}, BOUNDS),
    ],
)
def test_a_job_that_makes_no_sense_is_refused(letters, name, numbers, message):
    """Prefect takes 50 delays at most, and what one engine refuses the other refuses too."""
    with pytest.raises(UsageError) as caught:
        letters.add_job(name, build, **numbers)

    assert ("usage.job", message) == (caught.value.code, str(caught.value))
    assert ("A", "B", "C") == letters.names
