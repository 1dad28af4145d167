"""Pipelines with a job of one's own that misbehaves: it hangs, exits, dies, or returns what no job may."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pipeline_jobs import BaseJob, JobA, JobB, JobC, Location, open_text, parse_input_location
from pipeline_orchestration import PipelineDefinition

BEHAVIOUR = "behaviour"
"""Name of the file in the current folder that says how `Hanging` hangs; without it, it does nothing."""
BEGUN = "begun"
"""Name of the file that says that it hangs now."""

_HOURS = 3600.0


def _loop() -> None:
    while True:
        pass


async def _wait() -> None:
    await asyncio.sleep(_HOURS)


def _join_thread() -> None:
    thread = threading.Thread(target=time.sleep, args=[_HOURS], daemon=True)
    thread.start()
    thread.join()


def _catch_every_error() -> None:
    while True:
        try:
            time.sleep(_HOURS)
        except Exception:  # noqa: BLE001, S112  # what this job is for
            continue


HANGS: dict[str, Callable[[], object]] = {
    "sleeps": partial(time.sleep, _HOURS),
    "loops": _loop,
    "awaits": _wait,
    "waits for a thread": _join_thread,
    "waits for a process": partial(subprocess.run, ["sleep", str(_HOURS)], check=True),
    "catches every error": _catch_every_error,
}
"""The ways in which `Hanging` hangs."""


class Hanging(BaseJob[object, object]):
    """Hangs as the file `behaviour` says, or returns its input."""

    def validate_input(self, value: object) -> object:
        """Accept any value."""
        return value

    def single_job(self, value: object) -> object:
        """Hang, or return the value."""
        if not Path(BEHAVIOUR).exists():
            return value
        Path(BEGUN).touch()
        return HANGS[Path(BEHAVIOUR).read_text(encoding="utf-8")]()


hanging = (
    PipelineDefinition("hanging")
    .add_job("A", lambda run: JobA(run.output_dir))
    .add_job("hang", lambda _run: Hanging())
    .add_job("B", lambda run: JobB(run.store))
    .add_job("C", lambda run: JobC(run.store))
)

FAILURES = {
    "returns records": None,
    "exits": "job.exit",
    "is cancelled": "job.exit",
    "hangs": "job.timeout",
    "yields": "job.output",
    "raises": "internal.ZeroDivisionError",
}
"""How `Parsing` behaves, each with the error code that it has."""
DIES = "dies"
"""It kills its process."""


class Parsing(BaseJob[Location, object]):
    """Returns the lines of a file that are not blank as records, as job A writes them; or misbehaves.

    Args:
        behaviour: one of `FAILURES`, or `DIES`.
    """

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    def validate_input(self, value: object) -> Location:
        """Parse the location of a file."""
        return parse_input_location(value)

    def single_job(self, value: Location) -> object:
        """Return the records, or misbehave."""
        with open_text(value) as text:
            lines = [(number, line.removesuffix("\n")) for number, line in enumerate(text, 1)]
        records = [{"line_number": number, "content": line} for number, line in lines if line.strip()]
        match self.behaviour:
            case "exits":
                sys.exit(0)
            case "is cancelled":
                raise asyncio.CancelledError
            case "hangs":
                time.sleep(_HOURS)
            case "yields":
                return self._iterate(records)
            case "raises":
                return 1 / 0
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
        return records

    def _iterate(self, records: list[dict[str, object]]) -> Iterator[object]:
        yield from records


def make_parsing(behaviour: str) -> PipelineDefinition:
    """Return a pipeline of `Parsing`, B and C."""
    timeout = 0.05 if behaviour == "hangs" else None
    return (
        PipelineDefinition("parsing")
        .add_job("parse", lambda _run: Parsing(behaviour), timeout_seconds=timeout)
        .add_job("B", lambda run: JobB(run.store, run.on_duplicate))
        .add_job("C", lambda run: JobC(run.store))
    )
