"""JobResult is frozen, and its properties cannot contradict its fields."""

import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from pipeline_jobs import InputError, JobResult

REFUSED = InputError("input.missing", "x.txt: no such file", retriable=True)


def test_success_has_an_output_and_no_error():
    result = JobResult("A", output=7, seconds=0.5, counts={"records": 3})

    assert result.success
    assert (None, None, False) == (result.error, result.code, result.retriable)
    assert 7 == result.unwrap()


def test_output_may_be_none():
    result = JobResult("A")

    assert result.success
    assert result.unwrap() is None


def test_failure_is_described_by_its_exception():
    result = JobResult("A", exception=REFUSED)

    assert not result.success
    assert ("x.txt: no such file", "input.missing", True) == (result.error, result.code, result.retriable)


def test_unexpected_exception_has_an_internal_code():
    result = JobResult("A", exception=ZeroDivisionError("division by zero"))

    assert "ZeroDivisionError: division by zero" == result.error
    assert "internal.ZeroDivisionError" == result.code


@pytest.mark.parametrize(
    ("exception", "has_begun", "retriable"),
    [
        (ValueError("no"), True, True),
        (ValueError("no"), False, False),
        (InputError("input.odd", "no"), True, False),
        (REFUSED, False, True),
        (None, True, False),
    ],
)
def test_bad_input_does_not_get_better_and_anything_else_may(exception, has_begun, retriable):
    assert retriable == JobResult("A", exception=exception, has_begun=has_begun).retriable


def test_unwrap_raises_the_same_exception():
    result = JobResult("A", exception=REFUSED)

    with pytest.raises(InputError) as caught:
        result.unwrap()

    assert REFUSED is caught.value


@pytest.mark.parametrize("name", [field.name for field in fields(JobResult)])
def test_result_is_frozen(name):
    result = JobResult("A", output=7)

    with pytest.raises(FrozenInstanceError):
        setattr(result, name, None)


@pytest.mark.parametrize("name", ["success", "error", "code", "retriable"])
def test_derived_values_cannot_be_given(name):
    """Else a result could hold an exception and claim success."""
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        JobResult("A", **{name: None})


@pytest.mark.parametrize("exception", [None, REFUSED, ValueError("no")])
def test_result_survives_pickling(exception):
    result = JobResult("A", None if exception else 7, exception, 0.5, {"records": 3})

    copy = pickle.loads(pickle.dumps(result))

    assert (result.job, result.output, result.seconds) == (copy.job, copy.output, copy.seconds)
    assert (result.error, result.code, result.retriable) == (copy.error, copy.code, copy.retriable)
    assert {"records": 3} == copy.counts


class OddError(InputError):
    """Has no text, and nothing of it can be shown."""

    def __str__(self):
        raise LookupError


@pytest.mark.parametrize(
    ("exception", "code", "text"),
    [
        (OddError("input.odd", "no"), "input.odd", "(OddError.__str__ raised LookupError)"),
        (InputError("input.odd", 7), "input.odd", "(InputError.__str__ raised TypeError)"),
        (InputError(7, "no"), "internal.InputError", "no"),
    ],
)
def test_an_exception_without_text_or_code_has_a_result(exception, code, text):
    result = JobResult("A", exception=exception)

    assert (code, text) == (result.code, result.error)


class Index:
    def __index__(self):
        return 7

    __int__ = __index__


@pytest.mark.parametrize(
    ("counts", "kept", "message"),
    [
        ({"records": 7, "blank": True}, {"records": 7, "blank": 1}, None),
        ({"records": Index()}, {"records": 7}, None),
        (
            {"records": "7", "blank": 1},
            {"blank": 1},
            "job A: the count 'records' is left out: it is of type str, expected a whole number",
        ),
        (
            {"records": None},
            {},
            "job A: the count 'records' is left out: it is of type NoneType, expected a whole number",
        ),
        (
            {"records": 7.0},
            {},
            "job A: the count 'records' is left out: it is of type float, expected a whole number",
        ),
        ({7: 7}, {}, "job A: a count is left out: its name is of type int, expected text"),
        ({"records": 10**5000}, {}, "job A: the count 'records' is left out: it is larger than 2^63 - 1"),
        (None, {}, "job A: its counts are of type NoneType, expected a Counter"),
    ],
)
def test_counts_that_are_no_whole_numbers_are_left_out(caplog, counts, kept, message):
    assert kept == JobResult("A", counts=counts).counts
    assert ([message] if message else []) == caplog.messages


def test_counts_of_a_result_are_its_own():
    counts = {"records": 1}
    result = JobResult("A", counts=counts)
    counts["records"] = 2

    assert {"records": 1} == result.counts
