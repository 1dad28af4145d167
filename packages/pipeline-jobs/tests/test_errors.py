"""Errors carry a code and a message, and survive a trip to another process."""

import pickle

import pytest

from pipeline_jobs import BatchError, InputError, OutputError, PipelineError, errors


def branches(kind: type[PipelineError]) -> list[type[PipelineError]]:
    """Return the error and all below it that this package defines."""
    below = [each for child in kind.__subclasses__() for each in branches(child)]
    return [each for each in (kind, *below) if each.__module__.startswith("pipeline_jobs.")]


class StrangeError(PipelineError):
    """An error of somebody else's, with a constructor of its own."""

    def __init__(self, path: str, *, attempts: int) -> None:
        super().__init__("output.strange", f"{path}: tried {attempts} times")
        self.path = path
        self.attempts = attempts


def test_the_branches_are_those_that_were_designed():
    assert [PipelineError, InputError, OutputError, BatchError] == branches(PipelineError)


@pytest.mark.parametrize("kind", branches(PipelineError))
def test_every_error_stands_in_the_tree(kind):
    """The tree in the module's docstring is what a reader of the module sees first."""
    assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize("kind", branches(PipelineError))
@pytest.mark.parametrize("retriable", [False, True])
def test_every_error_survives_pickling(kind, retriable):
    error = kind("input.some", "so it is", retriable=retriable)

    copy = pickle.loads(pickle.dumps(error))

    assert kind is type(copy)
    assert ("input.some", "so it is", retriable) == (copy.code, copy.message, copy.retriable)
    assert (str(error), error.args) == (str(copy), copy.args)


@pytest.mark.parametrize("batch_id", [None, 7])
def test_a_batch_error_keeps_its_batch(batch_id):
    error = BatchError("batch.not_found", "no batch with id 7", batch_id=batch_id)

    copy = pickle.loads(pickle.dumps(error))

    assert batch_id == copy.batch_id
    assert "no batch with id 7" == str(copy)


def test_an_error_with_another_constructor_survives_pickling():
    """Who derives an error need not know how exceptions are pickled."""
    error = StrangeError("x.json", attempts=3)

    copy = pickle.loads(pickle.dumps(error))

    assert ("x.json", 3, "output.strange") == (copy.path, copy.attempts, copy.code)
    assert "x.json: tried 3 times" == str(copy)


def test_notes_survive_pickling():
    error = InputError("input.some", "so it is")
    error.add_note("seen on a Monday")

    copy = pickle.loads(pickle.dumps(error))

    assert ["seen on a Monday"] == copy.__notes__


def test_no_error_is_retriable_by_default():
    assert not InputError("input.some", "so it is").retriable
    assert not BatchError("batch.some", "so it is").retriable
