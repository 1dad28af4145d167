"""Processes to which things happen: the command in a forked child, or as a person starts it.

A child is forked after all imports: it starts in milliseconds, and its system calls are those of the work.
"""

import ctypes
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

# Imported here so that no child has to: what a run imports when it needs it.
import tenacity  # noqa: F401

import pipeline_cli.main
import pipeline_orchestration.inputs
import pipeline_orchestration.runner
import pipeline_orchestration.text  # noqa: F401
from pipeline_db import durability, sqlite
from pipeline_jobs import header, job_a, job_b, job_c  # noqa: F401

PATIENCE = 60.0
"""Seconds after which a process is said to hang."""

NOT_BEGUN = 70
"""The exit code of a child that did not come to its work."""

_SET_PTRACER = 0x59616D61  # PR_SET_PTRACER of prctl(2)

COMMAND = str(Path(sys.executable).with_name("pipeline"))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, negative for a signal, and what it printed."""

    code: int
    out: str
    err: str


def arguments(*words: str | Path) -> list[str]:
    """Return the arguments of the command for a run in the current folder, without logs."""
    return ["--engine", "local", "--log-level", "OFF", *map(str, words)]


def command(words: Sequence[str]) -> Callable[[], int]:
    """Return what runs the command in this process, as its script does, and gives its exit code."""

    def run() -> int:
        sys.argv = ["pipeline", *words]
        try:
            pipeline_cli.main.main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1
        except BaseException as error:  # noqa: BLE001  # as the interpreter does
            sys.excepthook(type(error), error, error.__traceback__)
            return 1

    return run


def journal(mode: str) -> None:
    """Have this process use a journal, whether the linked SQLite is one that may or not."""
    chosen = {"DELETE": durability.ROLLBACK, "WAL": durability.WAL}[mode]
    sqlite.journal = lambda _version, _path: chosen


@dataclass(slots=True)
class Child:
    """A forked process that waits to be let go.

    Args:
        pid: of the process.
        go: written to, it begins.
        folder: holds what it prints.
    """

    pid: int
    go: int
    folder: Path

    def let_go(self) -> None:
        """Let it begin."""
        with suppress(BrokenPipeError):  # killed as it waits
            os.write(self.go, b"x")
        os.close(self.go)

    def wait(self, patience: float = PATIENCE) -> Ended:
        """Wait for its end.

        Raises:
            TimeoutError: it hangs; it is killed then.
        """
        deadline = time.monotonic() + patience
        pause = 0.0005
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError(f"hung for {patience:g} s")
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        code = os.waitstatus_to_exitcode(ended[1])
        return Ended(code, *(said(self.folder / name) for name in ("out", "err")))


def said(path: Path) -> str:
    """Return what a process printed into a file; undecodable bytes stay visible."""
    return path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""


def forked(work: Callable[[], int], folder: Path, printed: Path | None = None) -> Child:
    """Fork a child that does some work in a folder once it is let go.

    Args:
        work: returns the exit code.
        folder: where it works.
        printed: the folder that takes what it prints, in files `out` and `err`; `folder` by default.
    """
    printed = printed or folder
    printed.mkdir(parents=True, exist_ok=True)
    waits, go = os.pipe()
    begins, ready = os.pipe()
    if not (pid := os.fork()):
        os.close(go)
        os.close(begins)
        _work(work, folder, printed, waits, ready)
    os.close(waits)
    os.close(ready)
    os.read(begins, 1)
    os.close(begins)
    return Child(pid, go, printed)


def _work(work: Callable[[], int], folder: Path, printed: Path, waits: int, ready: int) -> NoReturn:
    code = NOT_BEGUN
    try:
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            descriptor = os.open(printed / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        # Where only a parent may trace a process (Yama), strace, which is none, may too.
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        os.close(ready)
        with suppress(OSError):  # made to fail on purpose
            os.read(waits, 1)
        code = work()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
    finally:
        os._exit(code)


def ran(work: Callable[[], int], folder: Path, printed: Path | None = None) -> Ended:
    """Do some work in a forked child and wait for its end."""
    child = forked(work, folder, printed)
    child.let_go()
    return child.wait()


def traced(
    work: Callable[[], int], folder: Path, options: Sequence[str], printed: Path | None = None
) -> Ended:
    """Do some work in a forked child under strace, which counts from when the work begins.

    Args:
        work: returns the exit code.
        folder: where it works.
        options: of strace.
        printed: as in `forked`.
    """
    child = forked(work, folder, printed)
    with attached(child.pid, options):
        child.let_go()
        return child.wait()


@contextmanager
def attached(pid: int, options: Sequence[str]):  # noqa: ANN201  # a context manager
    """Keep strace attached to a process for the block."""
    tracer = subprocess.Popen(
        ["strace", "-f", *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True, errors="replace"
    )
    assert tracer.stderr is not None  # noqa: S101  # asked for
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


@contextmanager
def _default_signals() -> Iterator[None]:
    """Undo what a process started in the block would inherit, such as a SIGHUP ignored by nohup."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def started(
    words: Sequence[str],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start the command as a person does, in a session of its own; it prints into `out` and `err`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "PREFECT_"))
    }
    environment |= {"PREFECT_HOME": str(folder / ".prefect"), **(variables or {})}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err, _default_signals():
        return subprocess.Popen(
            [*wrapper, COMMAND, *words],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
