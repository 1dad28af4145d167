"""The edge of the process: signals, pipes and unforeseen errors become exit codes and plain words."""

import errno
import os
import signal
import sys
from contextlib import suppress
from traceback import format_exception
from types import TracebackType
from typing import NoReturn, TextIO

import click

from pipeline_jobs import OutputError, PipelineError, shown
from pipeline_orchestration import UsageError

from .commands import cli
from .deploying import deploy, serve
from .exits import SUCCESS, exit_code, signalled
from .report import print_failure
from .stopping import end_by_default, end_on_signals

cli.add_command(deploy)
cli.add_command(serve)


def main() -> NoReturn:
    """Run the `pipeline` command and exit."""
    # Nothing started from here reports to anybody.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    sys.excepthook = _say
    code = _ended()
    end_by_default()
    sys.exit(code)


def _ended() -> int:
    """Run the command, and return its exit code even where somebody ends it or takes no more output."""
    try:
        end_on_signals()
        _prepare_streams()
        code = _main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        # On a line of its own: a terminal shows ^C.
        with suppress(OSError):
            click.echo("\nInterrupted; the same command again goes on.", err=True)
        return signalled(signal.SIGINT)
    except OSError as error:
        if error.filename is not None:  # not of a stream: those have no name
            raise
        _discard(sys.stdout)
        if error.errno == errno.EPIPE:
            return signalled(signal.SIGPIPE)
        text = f"standard output: cannot be written: {error.strerror}"
        try:
            print_failure(OutputError("output.failed", text), as_document=False)
        except OSError:  # both are full
            _discard(sys.stderr)
        return exit_code("output")
    return code


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        # Where one is closed, its number is taken: a file of ours would get it.
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # for good
        # What a terminal cannot show is escaped: a file name must not end a run.
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream)


def _main() -> int:
    as_document = "--json" in sys.argv
    try:
        # Not `cli.main`, which ends with 1 of its own accord when the output is closed.
        with cli.make_context("pipeline", sys.argv[1:]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        if error.ctx:
            hint = f"Try '{error.ctx.command_path} --help' for help."
            click.echo(f"{error.ctx.get_usage()}\n{hint}\n", err=True)
        print_failure(UsageError("usage.option", error.format_message()), as_document=as_document)
        return exit_code("usage")
    except PipelineError as error:
        print_failure(error, as_document=as_document)
        return exit_code(error.code)
    return SUCCESS


def _discard(stream: TextIO) -> None:
    """Let what a stream could not write go to nowhere: Python tries once more at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an error nobody foresaw; Python then exits with 1."""
    if any(word.upper() in ("DEBUG", "--LOG-LEVEL=DEBUG") for word in sys.argv):
        for line in "".join(format_exception(kind, error, traceback)).splitlines():
            click.echo(shown(line), err=True)
    text = f"{kind.__name__}: {error}; --log-level DEBUG shows where"
    print_failure(PipelineError(f"internal.{kind.__name__}", text), as_document="--json" in sys.argv)
