"""Edge of the process: signals, closed pipes and unexpected errors become exit codes and messages."""

import errno
import os
import signal
import sys
from contextlib import suppress
from traceback import format_exception
from types import TracebackType
from typing import NoReturn

import click

from pipeline_jobs import OutputError, PipelineError
from pipeline_jobs.escaping import escape
from pipeline_orchestration import UsageError

from .cli import cli
from .exit_codes import SUCCESS, get_exit_code, get_signal_exit_code
from .options import explain_misplaced_option
from .output.report import print_failure
from .signals import install_handlers, restore_defaults
from .streams import find_raising_stream, prepare_streams, restore_streams

_COMPLETION = "_PIPELINE_COMPLETE"  # an environment variable, set by the function that completes in a shell


def main() -> NoReturn:
    """Run the `pipeline` command and exit."""
    # Keep what this process starts from sending usage statistics.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    sys.excepthook = _print_unexpected
    code = _run_guarded()
    restore_defaults()
    sys.exit(code)


def _run_guarded() -> int:
    """Run the command; return its exit code, also after Ctrl-C or where an output cannot be written."""
    try:
        install_handlers()
        prepare_streams()
        code = _run_command()
        restore_streams()
        sys.stdout.flush()
    except KeyboardInterrupt:
        restore_streams()
        # On a line of its own, as a terminal shows ^C.
        with suppress(OSError):
            click.echo("\nInterrupted. Run the same command again to resume", err=True)
        return get_signal_exit_code(signal.SIGINT)
    except OSError as error:
        return _report_failed_write(error)
    return code


def _report_failed_write(error: OSError) -> int:
    """Report that a standard stream cannot be written; return the exit code. Raise any other error again."""
    stream = find_raising_stream(error)
    if stream is None:
        raise error
    restore_streams()
    stream.discard()
    if error.errno == errno.EPIPE:
        return get_signal_exit_code(signal.SIGPIPE)
    text = f"standard output: cannot be written: {error.strerror}"
    try:
        print_failure(OutputError("output.failed", text), as_document=False)
    except OSError as second:
        if stream := find_raising_stream(second):  # standard error cannot be written either
            stream.discard()
    return get_exit_code("output")


def _run_command() -> int:
    """Run the command, print an error that it raises, and return the exit code."""
    if instruction := os.environ.get(_COMPLETION):
        return _complete(instruction)
    arguments = sys.argv[1:]
    as_document = "--json" in arguments
    try:
        # Not `cli.main`, which exits with 1 by itself when the output is closed.
        with cli.make_context("pipeline", [*arguments]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        if error.ctx:
            hint = f"Try '{error.ctx.command_path} --help' for help."
            click.echo(f"{error.ctx.get_usage()}\n{hint}\n", err=True)
        text = explain_misplaced_option(error, arguments) or error.format_message()
        print_failure(UsageError("usage.option", text), as_document=as_document)
        return get_exit_code("usage")
    except PipelineError as error:
        print_failure(error, as_document=as_document)
        return get_exit_code(error.code)
    return SUCCESS


def _complete(instruction: str) -> int:
    """Do what a shell asks for, as Click does it in `cli.main`; return the exit code."""
    from click.shell_completion import shell_complete  # noqa: PLC0415  # for completion only

    if shell_complete(cli, {}, "pipeline", _COMPLETION, instruction) == SUCCESS:
        return SUCCESS
    text = f"{_COMPLETION}: expected bash_source, zsh_source or fish_source, got {instruction!r}"
    print_failure(UsageError("usage.option", text), as_document=False)
    return get_exit_code("usage")


def _print_unexpected(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an error that nothing handled, with its traceback at DEBUG; Python then exits with 1."""
    if any(word.upper() in ("DEBUG", "--LOG-LEVEL=DEBUG") for word in sys.argv):
        for line in "".join(format_exception(kind, error, traceback)).splitlines():
            click.echo(escape(line), err=True)
    text = f"{kind.__name__}: {error}; --log-level DEBUG shows where"
    print_failure(PipelineError(f"internal.{kind.__name__}", text), as_document="--json" in sys.argv)
