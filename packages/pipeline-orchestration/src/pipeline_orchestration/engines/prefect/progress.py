"""Progress of long jobs, as an artifact on the page of their flow run."""

import logging
import threading
import time
from contextvars import copy_context
from types import TracebackType
from typing import NamedTuple, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from pipeline_jobs.escaping import shorten
from pipeline_orchestration.context import RunProgress

from .exceptions import CLIENT_ERRORS
from .markdown import show_text

_INTERVAL = 2.0  # seconds that a job takes before it is shown, and the shortest time between two updates
_LONGEST_INTERVAL = 20.0  # seconds between two updates of a job that takes hours
_TIMEOUT = 5.0  # seconds for an answer
_LONGEST_NAME = 500  # characters

_log = logging.getLogger(__name__)


def combine_progress(first: RunProgress, second: RunProgress | None) -> RunProgress:
    """Return a callback that calls both, or the first one if there is no other."""
    if second is None:
        return first

    def call_both(job: str, name: str, done: int, total: int, records: int) -> None:
        first(job, name, done, total, records)
        second(job, name, done, total, records)

    return call_both


class _Progress(NamedTuple):
    """Progress of a job: when it began, its bytes read and in total, its records."""

    began: float
    done: int
    total: int
    records: int


class ProgressArtifact:
    """Context manager and progress callback: shows the progress of the job that has run the longest.

    A job only stores its numbers. A thread sends them, so that no job waits for the API. If the API fails,
    the thread gives up.

    Args:
        key: key of the artifact.
        run: id of the flow run.
    """

    def __init__(self, key: str, run: str) -> None:
        self._key = key
        self._run = UUID(run)
        self._jobs: dict[tuple[str, str], _Progress] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * _TIMEOUT)

    def __call__(self, job: str, name: str, done: int, total: int, records: int) -> None:
        """Store how many bytes and records a job has read; nothing is stored when it has only begun."""
        if not total:
            return
        known = self._jobs.get((job, name))
        began = known.began if known else time.monotonic()
        self._jobs[job, name] = _Progress(began, done, total, records)
        if self._thread is None:
            self._start_thread()

    def _start_thread(self) -> None:
        with self._lock:
            if self._thread is None:
                # In the context of the run, which holds the URL and the password of the API.
                self._thread = threading.Thread(
                    target=copy_context().run, args=(self._send,), name="pipeline-progress", daemon=True
                )
                self._thread.start()

    def _send(self) -> None:
        if self._ended.wait(_INTERVAL):
            return
        began = time.monotonic()
        try:
            with get_client(sync_client=True, httpx_settings={"timeout": _TIMEOUT}) as client:
                artifact: UUID | None = None
                ended = False
                while not ended:
                    artifact = self._update(client, artifact)
                    # After hours, an update each fiftieth of the time so far is often enough.
                    pause = (time.monotonic() - began) / 50
                    ended = self._ended.wait(min(max(pause, _INTERVAL), _LONGEST_INTERVAL))
                self._update(client, artifact)
        except CLIENT_ERRORS as error:
            _log.debug("progress is no longer shown: %s", type(error).__name__)

    def _update(self, client: SyncPrefectClient, artifact: UUID | None) -> UUID | None:
        """Send the progress of the first job that is not done, or else of the last one."""
        jobs = [
            (name, progress)
            for name, progress in self._jobs.copy().items()
            if time.monotonic() - progress.began >= _INTERVAL or artifact
        ]
        if not jobs:
            return artifact
        unfinished = (each for each in jobs if each[1].done < each[1].total)
        (job, name), (_, done, total, records) = next(unfinished, jobs[-1])
        percent = 100 * done / total
        shown = f"{show_text(job)} {show_text(shorten(name.rpartition('/')[2], _LONGEST_NAME))}"
        text = f"{shown}: {done:,} of {total:,} bytes read, {records:,} records"
        if artifact is None:
            created = ArtifactCreate(
                key=self._key, type="progress", description=text, data=percent, flow_run_id=self._run
            )
            return client.create_artifact(created).id
        client.update_artifact(artifact, ArtifactUpdate(description=text, data=percent))
        return artifact
