"""The edge of the process: signals, pipes and unforeseen errors become exit codes and plain words."""

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import NoReturn

import click
from pipeline_jobs import PipelineError
from pipeline_orchestration import UsageError

from .commands import cli
from .exits import exit_code, signalled
from .report import print_failure


def main() -> NoReturn:
    """Run the `pipeline` command and exit."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    # Nothing started from here reports to anybody.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is escaped: a file name must not end a run.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a TextIOWrapper at the edge
    sys.excepthook = _say
    sys.exit(_main())


def _main() -> int:
    as_document = "--json" in sys.argv
    try:
        code = cli.main(prog_name="pipeline", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        if as_document:
            print_failure(UsageError("usage.option", error.format_message()), as_document=True)
        return exit_code("usage")
    except PipelineError as error:
        print_failure(error, as_document=as_document)
        return exit_code(error.code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; the same command again goes on.", err=True)
        return signalled(signal.SIGINT)
    except BrokenPipeError:
        # Python flushes standard output once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return signalled(signal.SIGPIPE)
    return code if isinstance(code, int) else 0


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    # An exception unwinds everything: transactions roll back, Prefect stops the server it started.
    raise SystemExit(signalled(signal.Signals(number)))


def _say(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an error nobody foresaw; Python then exits with 1."""
    if "DEBUG" in map(str.upper, sys.argv):
        sys.__excepthook__(kind, error, traceback)
    failure = PipelineError(f"internal.{kind.__name__}", f"{kind.__name__}: {error}; --log-level DEBUG shows where")
    print_failure(failure, as_document="--json" in sys.argv)
