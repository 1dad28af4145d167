"""How far a long job has come, as a bar on the page of its run in Prefect."""

import logging
import threading
import time
from contextvars import copy_context
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from pipeline_orchestration.context import RunProgress

from .trouble import GAVE_UP

_PATIENCE = 2.0  # seconds a job may take before anything is shown, and between two looks at it
_SLOWEST = 20.0  # seconds between two looks at a job that takes hours
_TIMEOUT = 5.0  # seconds for an answer

_log = logging.getLogger(__name__)


def both(first: RunProgress, second: RunProgress | None) -> RunProgress:
    """Return what tells two of the progress of a run, or one where there is no other."""
    if second is None:
        return first

    def told(job: str, name: str, done: int, total: int, records: int) -> None:
        first(job, name, done, total, records)
        second(job, name, done, total, records)

    return told


class ProgressArtifact:
    """Shows the progress of the job that is at work the longest, to be used in a ``with`` block.

    A job only leaves a note of how far it is. A thread sends that, so that no job waits for the API;
    where that is in trouble, it gives up.

    Args:
        key: of the artifact.
        run: id of the flow run.
    """

    def __init__(self, key: str, run: str) -> None:
        self._key = key
        self._run = UUID(run)
        self._jobs: dict[tuple[str, str], tuple[float, int, int, int]] = {}
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
        """Take note that a job has read so many bytes of so many, which were so many records."""
        began, *_ = self._jobs.get((job, name)) or (time.monotonic(),)
        self._jobs[job, name] = (began, done, total, records)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                # In the context of the run, which knows the API and its password.
                self._thread = threading.Thread(
                    target=copy_context().run, args=(self._send,), name="pipeline-progress", daemon=True
                )
                self._thread.start()

    def _send(self) -> None:
        if self._ended.wait(_PATIENCE):
            return
        began = time.monotonic()
        try:
            with get_client(sync_client=True, httpx_settings={"timeout": _TIMEOUT}) as client:
                artifact: UUID | None = None
                ended = False
                while not ended:
                    artifact = self._show(client, artifact)
                    # For hours, a look at each fiftieth of the time is often enough.
                    pause = (time.monotonic() - began) / 50
                    ended = self._ended.wait(min(max(pause, _PATIENCE), _SLOWEST))
                self._show(client, artifact)
        except GAVE_UP as error:
            _log.debug("progress is not shown any more: %s", type(error).__name__)

    def _show(self, client: SyncPrefectClient, artifact: UUID | None) -> UUID | None:
        """Send how far the oldest job at work is, or else the last one that was."""
        long = [
            (job, note)
            for job, note in self._jobs.copy().items()
            if time.monotonic() - note[0] >= _PATIENCE or artifact
        ]
        if not long:
            return artifact
        (job, name), (_, done, total, records) = next(
            (each for each in long if each[1][1] < each[1][2]), long[-1]
        )
        percent = 100 * done / max(total, 1)
        text = f"{job} {name.rpartition('/')[2]}: {done:,} of {total:,} bytes read, {records:,} records"
        if artifact is None:
            made = ArtifactCreate(
                key=self._key, type="progress", description=text, data=percent, flow_run_id=self._run
            )
            return client.create_artifact(made).id
        client.update_artifact(artifact, ArtifactUpdate(description=text, data=percent))
        return artifact
