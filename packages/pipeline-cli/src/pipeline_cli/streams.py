"""Standard output and standard error of the command."""

import io
import os
import sys
from collections.abc import Buffer
from contextlib import suppress
from typing import TextIO

import click


class _Descriptor(io.FileIO):
    """A file descriptor that keeps the error of a failed write, and knows whether a line is open."""

    failure: OSError | None = None
    in_line = False
    is_discarded = False

    def write(self, data: Buffer, /) -> int:
        if self.is_discarded:
            return memoryview(data).nbytes
        try:
            count = super().write(data)
        except OSError as error:
            self.failure = error
            raise
        self.in_line = not bytes(data).endswith(b"\n")
        return count


class _Buffer(io.BufferedWriter):
    """A buffer that stays open: a wrapper that a job puts around it closes it when it is collected."""

    def close(self) -> None:
        self.flush()


class _WriteThrough(_Buffer):
    """Writes everything at once, as PYTHONUNBUFFERED asks for."""

    def write(self, data: Buffer, /) -> int:
        count = super().write(data)
        self.flush()
        return count


class StandardStream(io.TextIOWrapper):
    """A standard stream that escapes what it cannot encode, and knows the errors of its own writes.

    By type alone, such an error cannot be told from that of any other pipe or socket. The stream stays usable
    whatever a job does to it: to close it is to flush it.

    Args:
        descriptor: where it writes to; stays open.
        encoding: of what is written.
        line_buffering: whether each line is written at once.
        write_through: whether everything is.
    """

    def __init__(
        self, descriptor: int, encoding: str, *, line_buffering: bool, write_through: bool = False
    ) -> None:
        self._descriptor = _Descriptor(descriptor, "w", closefd=False)
        self._buffer = (_WriteThrough if write_through else _Buffer)(self._descriptor)
        super().__init__(
            self._buffer,
            encoding,
            "backslashreplace",
            line_buffering=line_buffering,
            write_through=write_through,
        )

    def detach(self) -> _Buffer:
        """Flush the stream and return its buffer, for a wrapper of a job's own; it stays attached here."""
        self.flush()
        return self._buffer

    def has_raised(self, error: OSError) -> bool:
        """Return whether an error comes from a write to this stream."""
        return error is self._descriptor.failure

    def end_line(self) -> None:
        """Write the end of the line, if a job has printed text without one."""
        self.flush()
        if self._descriptor.in_line:
            self.write("\n")

    def discard(self) -> None:
        """Drop the rest, which Python tries to flush at exit; the descriptor becomes the null device."""
        self._descriptor.is_discarded = True
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


class _State:
    # None as long as results go to `sys.stdout`. No dataclass: each takes a millisecond to make.
    results: TextIO | None = None
    # What `sys.stdout` and `sys.stderr` are for us while jobs may assign others to them.
    streams: tuple[TextIO, TextIO] | None = None


_state = _State()


def prepare_streams() -> None:
    """Replace both streams, unless a test has taken their place; a closed one becomes the null device."""
    _state.results = None
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            # Otherwise a file of ours would get the number of the closed stream, and its output.
            null_device = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, StandardStream(null_device, "utf-8", line_buffering=False))
        elif isinstance(stream, io.TextIOWrapper):
            try:
                same = StandardStream(
                    stream.fileno(),
                    stream.encoding,
                    line_buffering=stream.line_buffering or name == "stderr",
                    write_through=stream.write_through,
                )
                setattr(sys, name, same)
            except OSError:  # it has no descriptor, or the system refuses to say where it ends: it stays
                with suppress(OSError):
                    stream.reconfigure(errors="backslashreplace")
    _state.streams = sys.stdout, sys.stderr


def divert_output() -> None:
    """Keep standard output for our results: all else that is printed there goes to standard error.

    From now on, also what subprocesses, workers and libraries in C print, as the descriptor is replaced.
    """
    output, errors = sys.stdout, sys.stderr
    if isinstance(output, StandardStream) and isinstance(errors, StandardStream):
        output.flush()
        with suppress(OSError):  # too many files are open, for instance: then only what Python prints
            results = StandardStream(os.dup(output.fileno()), output.encoding, line_buffering=False)
            output.reconfigure(line_buffering=True)
            os.dup2(errors.fileno(), output.fileno())  # last, as nothing may fail after it
            _state.results = results
            return
    _state.results, sys.stdout = output, errors
    _state.streams = errors, errors


def write_result(text: str) -> None:
    """Write a line to standard output, wherever the output of others goes."""
    click.echo(text, file=_state.results)


def restore_streams() -> None:
    """Put our streams back where a job has put others, or none; the jobs are done by now."""
    if _state.streams is None:
        return
    for stream, ours in zip((sys.stdout, sys.stderr), _state.streams, strict=True):
        if stream is not ours:
            with suppress(Exception):  # a job's own object, which may be of any kind
                stream.flush()
    sys.stdout, sys.stderr = _state.streams
    _state.streams = None


def begin_results() -> None:
    """Let our results begin on a line of their own, on our own streams."""
    restore_streams()
    if isinstance(sys.stdout, StandardStream):
        sys.stdout.end_line()


def find_raising_stream(error: OSError) -> StandardStream | None:
    """Return the stream that could not be written, if the error comes from that."""
    streams = (each for each in (_state.results, sys.stdout, sys.stderr) if isinstance(each, StandardStream))
    return next((stream for stream in streams if stream.has_raised(error)), None)
