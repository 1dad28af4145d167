"""What a class of jobs takes: as it declares, or by its type argument."""

import os
from pathlib import Path, PurePath
from types import new_class
from typing import Annotated, Any, Generic, NewType, TypeVar

import pytest

from pipeline_jobs import BaseJob, BatchId, JobA, JobB, JobC, Location, Url

T, U = TypeVar("T"), TypeVar("U")
Order = NewType("Order", int)
type Undefined = Nothing  # noqa: F821  # nothing of that name


class Generic1[Item](BaseJob[Item, int]): ...


class Generic2[Item](Generic1[Item]): ...


class Swapped[Out, In](BaseJob[In, Out]): ...


class Old(BaseJob[T, U], Generic[T, U]): ...  # noqa: UP046  # as it was written for older Pythons


class Mixin: ...


@pytest.mark.parametrize(
    ("base", "takes"),
    [
        (BaseJob[Path, int], "files"),
        (BaseJob[PurePath, int], "files"),
        (BaseJob[os.PathLike[str], int], "files"),
        (BaseJob[Url, int], "files"),
        (BaseJob[Location, int], "files"),
        (BaseJob[Path | None, int], "files"),
        (BaseJob[Annotated[Path, "absolute"], int], "files"),
        (BaseJob["Path", int], "files"),
        (BaseJob[str, int], "text"),
        (BaseJob[BatchId, int], "text"),
        (BaseJob[int | str, int], "text"),
        (BaseJob[Order, int], "text"),
        (Generic1[Path], "files"),
        (Generic2[str], "text"),
        (Swapped[int, Path], "files"),
        (Swapped[Path, int], "text"),
        (Old[Path, str], "files"),
        (JobA, "files"),
        (JobB, "any"),
        (JobC, "text"),
        (BaseJob, None),
        (Generic2, None),
        (BaseJob[object, int], None),
        (BaseJob[Any, int], None),
        (BaseJob[bool, int], None),
        (BaseJob[list[str], int], None),
        (BaseJob[Path | str, int], None),
        (BaseJob["Hidden", int], None),  # imported for type checkers only
        (BaseJob[Undefined, int], None),
    ],
    ids=str,
)
def test_a_class_takes_what_its_type_argument_says(base, takes):
    job = new_class("Job", (Mixin, base), exec_body=lambda body: body.update(__module__=__name__))

    class Other(job): ...

    assert (takes, takes) == (job.takes, Other.takes)


def test_a_class_may_say_it_and_a_subclass_otherwise():
    class Text(BaseJob[Path, int]):
        takes = "text"

    class Anything(Text):
        takes = "any"

    assert ("text", "any") == (Text.takes, Anything.takes)


@pytest.mark.parametrize("wrong", ["file", "", 1, ["files"], True])
def test_a_class_that_says_something_else_is_refused(wrong):
    with pytest.raises(TypeError) as refused:
        type("Job", (BaseJob,), {"takes": wrong})

    assert f"class Job: takes is {wrong!r}, expected 'files', 'text' or 'any'" == str(refused.value)
