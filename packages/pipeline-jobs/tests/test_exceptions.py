"""Errors carry a code and a message, and can be sent to another process."""

import pickle

import pytest

from pipeline_jobs import BatchError, InputError, JobError, OutputError, PipelineError, exceptions


def list_classes(kind: type[PipelineError]) -> list[type[PipelineError]]:
    """List an error class and its subclasses in this package."""
    below = [each for child in kind.__subclasses__() for each in list_classes(child)]
    return [each for each in (kind, *below) if each.__module__.startswith("pipeline_jobs.")]


class ForeignError(PipelineError):
    """An error defined outside the package, with its own constructor."""

    def __init__(self, path: str, *, attempts: int) -> None:
        super().__init__("output.strange", f"{path}: tried {attempts} times")
        self.path = path
        self.attempts = attempts


def test_error_classes_are_the_documented_ones():
    assert [PipelineError, InputError, OutputError, BatchError, JobError] == list_classes(PipelineError)


@pytest.mark.parametrize("kind", list_classes(PipelineError))
def test_every_error_is_in_the_documented_tree(kind):
    """The module's docstring shows the tree of errors."""
    assert kind.__name__ in exceptions.__doc__


@pytest.mark.parametrize("kind", list_classes(PipelineError))
@pytest.mark.parametrize("retriable", [False, True])
def test_every_error_survives_pickling(kind, retriable):
    error = kind("input.some", "a message", retriable=retriable)

    copy = pickle.loads(pickle.dumps(error))

    assert kind is type(copy)
    assert ("input.some", "a message", retriable) == (copy.code, copy.message, copy.retriable)
    assert (str(error), error.args) == (str(copy), copy.args)


@pytest.mark.parametrize("batch_id", [None, 7])
def test_batch_error_keeps_its_batch_id(batch_id):
    error = BatchError("batch.not_found", "no batch with id 7", batch_id=batch_id)

    copy = pickle.loads(pickle.dumps(error))

    assert batch_id == copy.batch_id
    assert "no batch with id 7" == str(copy)


def test_error_with_its_own_constructor_survives_pickling():
    """A subclass need not know how exceptions are pickled."""
    error = ForeignError("x.json", attempts=3)

    copy = pickle.loads(pickle.dumps(error))

    assert ("x.json", 3, "output.strange") == (copy.path, copy.attempts, copy.code)
    assert "x.json: tried 3 times" == str(copy)


def test_notes_survive_pickling():
    error = InputError("input.some", "a message")
    error.add_note("a note")

    copy = pickle.loads(pickle.dumps(error))

    assert ["a note"] == copy.__notes__


def test_errors_are_not_retriable_by_default():
    assert not InputError("input.some", "a message").retriable
    assert not BatchError("batch.some", "a message").retriable
