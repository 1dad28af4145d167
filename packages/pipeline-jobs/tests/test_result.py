"""A result is what happened: nothing in it can be changed, or contradict the rest."""

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from pipeline_jobs import InputError, JobResult

REFUSED = InputError("input.missing", "x.txt: no such file", retriable=True)


def test_a_success_has_an_output_and_no_error():
    result = JobResult("A", output=7, seconds=0.5, counts={"records": 3})

    assert result.success
    assert (None, None, False) == (result.error, result.code, result.retriable)
    assert 7 == result.unwrap()


def test_an_output_may_be_none():
    result = JobResult("A")

    assert result.success
    assert result.unwrap() is None


def test_a_failure_is_told_by_its_exception():
    result = JobResult("A", exception=REFUSED)

    assert not result.success
    assert ("x.txt: no such file", "input.missing", True) == (result.error, result.code, result.retriable)


def test_an_unexpected_exception_is_internal_and_names_its_class():
    result = JobResult("A", exception=ZeroDivisionError("division by zero"))

    assert "ZeroDivisionError: division by zero" == result.error
    assert "internal.ZeroDivisionError" == result.code
    assert not result.retriable


def test_unwrap_raises_the_very_exception():
    result = JobResult("A", exception=REFUSED)

    with pytest.raises(InputError) as caught:
        result.unwrap()

    assert REFUSED is caught.value


@pytest.mark.parametrize("name", [field.name for field in fields(JobResult)])
def test_no_field_can_be_set(name):
    result = JobResult("A", output=7)

    with pytest.raises(FrozenInstanceError):
        setattr(result, name, None)


@pytest.mark.parametrize("name", ["success", "error", "code", "retriable"])
def test_what_is_derived_cannot_be_given(name):
    """A result that could be told both an exception and a success would lie one day."""
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        JobResult("A", **{name: None})


@pytest.mark.parametrize("exception", [None, REFUSED, ValueError("no")])
def test_a_result_survives_pickling(exception):
    result = JobResult("A", None if exception else 7, exception, 0.5, {"records": 3})

    copy = pickle.loads(pickle.dumps(result))

    assert (result.job, result.output, result.seconds) == (copy.job, copy.output, copy.seconds)
    assert (result.error, result.code, result.retriable) == (copy.error, copy.code, copy.retriable)
    assert {"records": 3} == copy.counts
