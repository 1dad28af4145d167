"""A job returns what happened: `execute` raises nothing but what must stop a program."""

import pytest

from pipeline_jobs import BaseJob, InputError


class Halving(BaseJob[int, int]):
    """Halves even numbers."""

    def validate_input(self, value):
        if not isinstance(value, int):
            raise InputError("input.type", "expected a number")
        return value

    def single_job(self, value):
        self.counts["halved"] += 1
        if value % 2:
            raise ArithmeticError(f"{value} is odd")
        return value // 2


class Raising(BaseJob[object, object]):
    """Raises what it is given; first, in the validation."""

    def validate_input(self, value):
        when, error = value
        if when == "validating":
            raise error
        return error

    def single_job(self, value):
        raise value


def test_a_good_value_is_validated_and_worked_on():
    result = Halving().execute(8)

    assert (4, None) == (result.output, result.exception)
    assert {"halved": 1} == result.counts
    assert 0 <= result.seconds


def test_a_refused_value_is_a_result():
    result = Halving().execute("eight")

    assert ("input.type", "expected a number", None) == (result.code, result.error, result.output)
    assert {} == result.counts


def test_a_bug_is_a_result():
    result = Halving().execute(7)

    assert ("internal.ArithmeticError", "ArithmeticError: 7 is odd") == (result.code, result.error)
    assert result.exception.__traceback__ is not None


def test_what_was_counted_before_a_failure_is_kept():
    assert {"halved": 1} == Halving().execute(7).counts


def test_counts_are_fresh_for_each_run():
    job = Halving()

    first, second = job.execute(8), job.execute(8)

    assert {"halved": 1} == first.counts == second.counts


def test_counting_outside_of_execute_is_fine():
    """`single_job` alone can be tested, without a word about counts in a constructor."""
    job = Halving()

    assert 4 == job.single_job(8)
    assert {"halved": 1} == dict(job.counts)


@pytest.mark.parametrize("when", ["validating", "working"])
@pytest.mark.parametrize(
    "error", [Exception("x"), MemoryError(), RecursionError(), StopIteration(), OSError(5, "x")]
)
def test_no_exception_is_raised(when, error):
    result = Raising().execute((when, error))

    assert error is result.exception
    assert f"internal.{type(error).__name__}" == result.code


@pytest.mark.parametrize("when", ["validating", "working"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit(), BaseException()])
def test_what_stops_a_program_passes_through(when, error):
    """Prefect ends a run by an exception of this kind; so does Ctrl-C."""
    with pytest.raises(type(error)) as caught:
        Raising().execute((when, error))

    assert error is caught.value


def test_a_result_is_named_after_the_class():
    assert "Halving" == Halving().execute(8).job


def test_a_result_carries_the_name_given_to_the_job():
    job = Halving()
    job.name = "H"

    assert "H" == job.execute(8).job
    assert "H" == job.execute(7).job


def test_a_job_must_have_both_methods():
    class Half(BaseJob[int, int]):
        def validate_input(self, value):
            return value

    with pytest.raises(TypeError, match="single_job"):
        Half()


class Hungry(BaseJob[object, bytes]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        return bytes(1 << 62)


def test_a_lack_of_memory_says_what_can_be_done():
    """Python's own error has no words at all."""
    result = Hungry().execute("x")

    hint = "allow the process more, or refuse large records with a lower --max-record-bytes"
    assert "internal.MemoryError" == result.code
    assert f"MemoryError: there was not enough memory; {hint}" == result.error
