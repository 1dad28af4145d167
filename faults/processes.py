"""Child processes that a sweep disturbs: the command in a forked child, or started as a person starts it.

A child is forked after all imports. It starts in milliseconds, and its system calls are those of the work.
"""

import ctypes
import encodings.utf_8_sig  # noqa: F401  # as the imports below that no line names
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

# Imported here so that no child has to: these are the modules that a run imports when it needs them.
import orders_pipeline  # noqa: F401
import tenacity  # noqa: F401
from sweep import require

import pipeline_cli.main
import pipeline_orchestration.execution.resume_command
import pipeline_orchestration.inputs
import pipeline_orchestration.runner
import pipeline_orchestration.text_pipeline  # noqa: F401
from pipeline_db import store, table_check, table_store  # noqa: F401
from pipeline_db.sqlite import connection, journal, tables  # noqa: F401
from pipeline_jobs import job_a, job_b, job_c, row_documents  # noqa: F401
from pipeline_jobs.documents import header, row_reader  # noqa: F401
from pipeline_jobs.readers import lines  # noqa: F401
from pipeline_jobs.record_classes import structs  # noqa: F401

TIMEOUT = 60.0
"""Seconds after which a process counts as hanging."""

NOT_STARTED = 70
"""Exit code of a child that failed before its work began."""

_SET_PTRACER = 0x59616D61  # PR_SET_PTRACER of prctl(2)

COMMAND = str(Path(sys.executable).with_name("pipeline"))


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """Exit code of a process, negative for a signal, and what it printed."""

    code: int
    out: str
    err: str


def build_arguments(*words: str | Path) -> list[str]:
    """Return the command's arguments for a run on the local engine without logs."""
    return ["--engine", "local", "--log-level", "OFF", *map(str, words)]


def run_in_process(words: Sequence[str], *, mode: str | None = None) -> int:
    """Run the command in this process, as its script does, and return its exit code.

    Args:
        words: arguments of the command.
        mode: journal mode to force; None leaves the choice to the packages.
    """
    if mode:
        force_journal(mode)
    sys.argv = ["pipeline", *words]
    try:
        pipeline_cli.main.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # noqa: BLE001  # as the interpreter does
        sys.excepthook(type(error), error, error.__traceback__)
        return 1


def force_journal(mode: str) -> None:
    """Make this process use one journal mode, even if the linked SQLite would not allow it.

    Raises:
        AttributeError: the package no longer chooses the journal through this name.
    """
    chosen = {"DELETE": journal.ROLLBACK, "WAL": journal.WAL}[mode]
    patch.object(connection, "choose_journal", lambda _version, _path: chosen).start()


@dataclass(slots=True)
class Child:
    """A forked process that waits for permission to start.

    Args:
        pid: process id.
        go: descriptor; one byte written to it starts the work.
        folder: holds the output of the process.
    """

    pid: int
    go: int
    folder: Path

    def release(self) -> None:
        """Let the child start its work."""
        with suppress(BrokenPipeError):  # killed while it waits
            os.write(self.go, b"x")
        os.close(self.go)

    def wait(self, timeout: float = TIMEOUT) -> ProcessResult:
        """Wait until the process ends.

        Raises:
            TimeoutError: the process hangs; it has been killed.
        """
        deadline = time.monotonic() + timeout
        pause = 0.0005
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"hung for {timeout:g} s")
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        code = os.waitstatus_to_exitcode(ended[1])
        return ProcessResult(code, *(read_output(self.folder / name) for name in ("out", "err")))


def read_output(path: Path) -> str:
    """Return what a process printed into a file; undecodable bytes stay visible."""
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def fork_child(work: Callable[[], int], folder: Path, printed: Path | None = None) -> Child:
    """Fork a child that waits, then does some work in a folder.

    Args:
        work: returns the exit code.
        folder: current folder of the child.
        printed: folder for its output, in files `out` and `err`; `folder` by default.
    """
    printed = printed or folder
    printed.mkdir(parents=True, exist_ok=True)
    go_reader, go_writer = os.pipe()
    ready_reader, ready_writer = os.pipe()
    if not (pid := os.fork()):
        os.close(go_writer)
        os.close(ready_reader)
        _run_child(work, folder, printed, go_reader, ready_writer)
    os.close(go_reader)
    os.close(ready_writer)
    os.read(ready_reader, 1)  # ends when the child closes its side
    os.close(ready_reader)
    return Child(pid, go_writer, printed)


def _run_child(work: Callable[[], int], folder: Path, printed: Path, go: int, ready: int) -> NoReturn:
    code = NOT_STARTED
    try:
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            descriptor = os.open(printed / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        # Under Yama only a parent may trace a process, and strace is no parent: allow any tracer.
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        os.close(ready)
        with suppress(OSError):  # a sweep may make this read fail
            os.read(go, 1)
        code = work()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
    finally:
        os._exit(code)


def run_forked(work: Callable[[], int], folder: Path, printed: Path | None = None) -> ProcessResult:
    """Do some work in a forked child and wait until it ends."""
    child = fork_child(work, folder, printed)
    child.release()
    return child.wait()


def run_traced(
    work: Callable[[], int], folder: Path, options: Sequence[str], printed: Path | None = None
) -> ProcessResult:
    """Do some work in a forked child under strace, which counts calls from the start of the work.

    Args:
        work: returns the exit code.
        folder: current folder of the child.
        options: options of strace.
        printed: as in `fork_child`.
    """
    child = fork_child(work, folder, printed)
    with attach_strace(child.pid, options):
        child.release()
        return child.wait()


@contextmanager
def attach_strace(pid: int, options: Sequence[str]) -> Iterator[None]:
    """Keep strace attached to a process for the block."""
    tracer = subprocess.Popen(
        ["strace", "-f", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True, errors="replace"
    )
    assert tracer.stderr is not None  # noqa: S101  # requested above
    try:
        if "attached" not in (first := tracer.stderr.readline()):
            raise OSError(f"strace cannot attach: {first}{tracer.stderr.read()}")
        yield
    finally:
        try:
            tracer.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.communicate()


def build_environment() -> dict[str, str]:
    """Return this process's environment without settings of the pipeline and of Prefect."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "PREFECT_"))
    }


@contextmanager
def _default_signals() -> Iterator[None]:
    """Reset what a process started in the block would inherit, such as a SIGHUP ignored by nohup."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def start_command(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start the command as a person does, in a session of its own; it prints into files `out` and `err`."""
    environment = build_environment() | {"PREFECT_HOME": str(folder / ".prefect"), **(variables or {})}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err, _default_signals():
        return subprocess.Popen(
            [*wrapper, COMMAND, *words],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def check_no_orphans(session: int, seconds: float) -> None:
    """Check that no process of a session is left after some seconds, and kill those that are.

    Raises:
        BrokenPromiseError: a process of the session still runs.
    """
    deadline = time.monotonic() + seconds
    while (left := dict(_list_session(session))) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    require(not left, f"processes left running: {left}")


def _list_session(session: int) -> Iterator[tuple[int, str]]:
    """Yield id and command line of each process of a session, except zombies."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended in the meantime
            # After the name in parentheses: state, parent, group, session …
            fields = (folder / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            if int(fields[3]) == session and fields[0] != "Z":
                yield int(folder.name), command
