"""The base class of every job."""

import os
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cached_property, lru_cache
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, cast

from .exceptions import JobError, make_failure
from .results import JobResult

if TYPE_CHECKING:
    from .storage.location import Source

type Takes = Literal["files", "text", "any"]
"""What an input of a run means for a job that is given as text, as on the command line."""

TAKES = ("files", "text", "any")

type Progress = Callable[[int, int, int], None]
"""Receives the bytes read so far, the bytes in total, and the records found so far."""


def _ignore_progress(_done: int, _total: int, _records: int) -> None:
    """Do nothing: the default for jobs whose progress nobody follows."""


class BaseJob[In, Out](ABC):
    """A unit of work: `validate_input` parses a value, `single_job` does the work.

    A job does not know who runs it. An instance is built for one run and is not shared between threads.

    Both methods may be coroutines: ``async def single_job(self, value: In) -> Out``. They are run to their
    end in this thread, in an event loop of their own; where an event loop is running already, in a thread of
    their own. A generator or another iterator is refused as an output, as its work is not done yet.
    """

    takes: ClassVar[Takes | None] = None
    """What an input given as text means: ``files``: a path, also of a folder or with a pattern, or a URL;
    ``text``: the text as it is, whatever files there are; ``any``: a path if there is such a file, else the
    text. A class that declares nothing takes what its type argument `In` says, ``Path`` or ``Location``:
    files, ``int`` or ``str``: text; None if that says nothing either."""

    name = ""
    """The job's name in results; if empty, the name of its class."""

    progress: Progress = staticmethod(_ignore_progress)
    """Called now and then by jobs that may take long; whoever runs the job may replace it."""

    source: "Source | None" = None
    """The source of a value that does not name it: the run's input, for data that an earlier job has made;
    standard input or a pipe, for the temporary file that stands for it. Whoever runs the job sets it; None
    for any other value."""

    def __init_subclass__(cls, **arguments: object) -> None:
        """Find out what the class takes, if it does not say so.

        Raises:
            TypeError: it says something else than ``files``, ``text`` or ``any``.
        """
        super().__init_subclass__(**arguments)
        if cls.takes is None:
            from .input_type import derive_takes  # noqa: PLC0415  # for classes that do not say so only

            cls.takes = derive_takes(cls)
        elif cls.takes not in TAKES:
            expected = "expected 'files', 'text' or 'any'"
            raise TypeError(f"class {cls.__qualname__}: takes is {cls.takes!r}, {expected}")

    @cached_property
    def counts(self) -> Counter[str]:
        """Counts of the job while it works (`records`, `skipped` …); each `execute` starts with none."""
        return Counter()

    @abstractmethod
    def validate_input(self, value: object) -> In | Coroutine[Any, Any, In]:
        """Parse an untyped value into the type that `single_job` takes.

        Raises:
            InputError: the value is refused.
        """

    @abstractmethod
    def single_job(self, value: In) -> Out | Coroutine[Any, Any, Out]:
        """Do the work and return its output."""

    def execute(self, value: object) -> JobResult[Out]:
        """Validate the value, do the work and time both; an exception is returned in the result.

        A job cannot end the run: what is no `Exception`, such as the ``SystemExit`` of ``sys.exit()``, is a
        failure with the code ``job.exit``. A process that the job has forked ends here, as the rest of the
        run is its parent's.

        Raises:
            BaseException: an interruption from outside of the job: ``KeyboardInterrupt`` in the main thread,
                what a signal handler raises, an `Interruption`.
        """
        self.counts = Counter()
        output, failure, has_begun = None, None, False
        process = os.getpid()
        start = time.perf_counter()
        try:
            parsed = self.validate_input(value)
            if _may_be_lazy(type(parsed)):
                parsed = _await(parsed)
            has_begun = True
            returned = self.single_job(cast("In", parsed))
            if _may_be_lazy(type(returned)):
                returned = _await(returned)
                _check_output(returned)
            output = cast("Out", returned)
            if os.getpid() != process:
                _end_process(None)
        except BaseException as error:  # noqa: BLE001  # a job's own code: from here on its failure is data
            if os.getpid() != process:
                _end_process(error)
            failure = make_failure(error, "the job")
        seconds = time.perf_counter() - start
        name = self.name or type(self).__name__
        return JobResult(name, output, failure, seconds, self.counts, has_begun=has_begun)


def _end_process(error: BaseException | None) -> NoReturn:
    """End a process that a job has forked, as Python ends a script: with the same exit code and messages."""
    code: object = None
    if isinstance(error, SystemExit):
        code = error.code
    elif error is not None:
        code = 1
        sys.__excepthook__(type(error), error, error.__traceback__)
    if not isinstance(code, int | None):
        with suppress(Exception):  # a job may have put anything in the place of the stream
            sys.stderr.write(f"{code}\n")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit((code or 0) & 0xFF)


def _has_lazy_method(kind: type) -> bool:
    """Return whether the work behind a value of a class may not be done yet."""
    return (
        hasattr(kind, "__await__")
        or hasattr(kind, "__next__")
        or hasattr(kind, "__anext__")
        or hasattr(kind, "add_done_callback")
    )


# Jobs return values of a few classes, and the cache answers within 50 ns.
_may_be_lazy: Callable[[type], bool] = lru_cache(maxsize=256)(_has_lazy_method)


def _await[T](value: T | Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, and any other value as it is."""
    while isinstance(value, Coroutine):
        from .concurrency.coroutines import run_coroutine  # noqa: PLC0415  # asyncio takes 30 ms to import

        value = run_coroutine(value)
    return value


def _check_output(output: object) -> None:
    """Refuse an output behind which work is left.

    Raises:
        JobError: ``job.output``.
    """
    kind = type(output)
    if not _may_be_lazy(kind):
        return
    if isinstance(output, GeneratorType | AsyncGeneratorType):
        text = "the job returned a generator, whose work is not done yet"
        hint = "return a list"
    elif hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        text = f"the job returned an iterator, a {kind.__name__}, whose work is not done yet"
        hint = "return a list"
    else:
        text = f"the job returned a {kind.__name__}, whose work may not be done yet"
        hint = "wait for it, and return its result"
    raise JobError("job.output", f"{text}; {hint}")
