"""Standard input and pipes as inputs: they can be read once, so a temporary file stands for each in a run."""

import logging
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from pipeline_jobs import InputError, OutputError
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.atomic_writer import translate_os_errors
from pipeline_jobs.storage.input import BLOCK
from pipeline_jobs.storage.location import STDIN, make_source

from .inputs import STDIN_WORD, RunInput, Stream

_STDIN_PATHS = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})

_log = logging.getLogger(__name__)


def find_stream(word: str) -> Stream | None:
    """Return what a word of a command line names, if that can be read only once; None for anything else."""
    if word == STDIN_WORD:
        return Stream(STDIN, STDIN_WORD)
    try:
        mode = os.stat(word).st_mode  # noqa: PTH116  # a word need not be a path
        if word in _STDIN_PATHS and not stat.S_ISREG(mode):
            return Stream(STDIN, STDIN_WORD)
        if not stat.S_ISFIFO(mode):
            return None
        # That of a shell's <(…) is a link in /proc to nothing, or on macOS a file descriptor.
        path = Path(word).resolve()
        if path.parent == Path("/dev/fd") or not path.exists():
            return Stream(STDIN, escape(word), Path(word).absolute())
        return Stream(make_source(path), escape(word), path)
    except (OSError, RuntimeError, ValueError):  # the job says what is wrong with the path
        return None


@contextmanager
def spool_streams(inputs: Sequence[RunInput]) -> Iterator[list[RunInput]]:
    """Read each stream among inputs to its end, into a temporary file that lasts as long as the block.

    The file has the name of the pipe, or ``stdin``. A stream that cannot be read or kept is refused; the
    others go on.

    Args:
        inputs: of a run.

    Returns:
        The inputs, with the paths of files in place of streams.
    """
    spooled: dict[Stream, RunInput] = {}
    with ExitStack() as stack:
        for run_input in inputs:
            stream = run_input.value
            if isinstance(stream, Stream) and stream not in spooled:
                try:
                    spooled[stream] = replace(run_input, value=_spool(stream, stack))
                except (InputError, OutputError) as error:
                    spooled[stream] = replace(run_input, value=None, refusal=error)
        yield [spooled[each.value] if isinstance(each.value, Stream) else each for each in inputs]


def _spool(stream: Stream, stack: ExitStack) -> Path:
    """Copy a stream into a folder that is removed with the stack; return the file.

    Raises:
        InputError: ``input.unreadable``.
        OutputError: the folder for temporary files is full, or cannot be written.
    """
    name = stream.path.name if stream.path and stream.source != STDIN else STDIN.name
    place = Path(os.environ.get("TMPDIR") or "the folder for temporary files")
    try:
        with suppress(FileNotFoundError):  # there is none: what needs it next says so
            place = Path(tempfile.gettempdir())
        with translate_os_errors(place):
            folder = tempfile.TemporaryDirectory(prefix="pipeline-", ignore_cleanup_errors=True)
            path = Path(stack.enter_context(folder), name)
            path.touch(0o600, exist_ok=False)
            with path.open("wb") as file:
                for block in _read(stream):
                    file.write(block)
    except OutputError as error:
        hint = f"{_get_name(stream)} is kept there during the run: set TMPDIR to a folder with room for it"
        raise OutputError(error.code, f"{error}; {hint}") from error
    return path


def _read(stream: Stream) -> Iterator[bytes]:
    """Yield blocks up to the end of a stream.

    Raises:
        InputError: ``input.unreadable``.
    """
    try:
        if stream.path:
            _log.info("reading %s until it is closed", stream.label)
            descriptor = os.open(stream.path, os.O_RDONLY | os.O_CLOEXEC)  # waits for a writer
        elif sys.stdin is None:
            hint = "pipe something into the command, or name a file"
            raise InputError("input.unreadable", f"standard input is closed; {hint}")
        elif sys.stdin.isatty():
            _log.info("reading standard input from the terminal: Ctrl-D at the start of a line ends it")
            descriptor = os.dup(sys.stdin.fileno())
        else:
            _log.info("reading standard input to its end")
            descriptor = os.dup(sys.stdin.fileno())
        with open(descriptor, "rb", buffering=0) as raw:  # noqa: PTH123  # a descriptor
            # Not by `raw.read`, for which a pipe that does not block would be at its end.
            while block := os.read(raw.fileno(), BLOCK):
                yield block
    except OSError as error:
        text = f"{_get_name(stream)}: cannot be read: {error.strerror or error}"
        raise InputError("input.unreadable", text) from error


def _get_name(stream: Stream) -> str:
    return stream.label if stream.path else "standard input"
