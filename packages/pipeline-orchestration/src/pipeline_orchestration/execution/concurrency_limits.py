"""Limits of how many executions of a job go on at a time in one run, over threads and processes."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline_jobs.concurrency.file_semaphore import acquire_slot
from pipeline_orchestration.definition import JobSpec

# The path of a socket has at most 103 bytes (macOS; Linux has 107), and the names in the folder take thirty.
_MAX_PLACE_BYTES = 70

type Limiter = Callable[[JobSpec], AbstractContextManager[object]]
"""Waits until one more execution of a job may start; the next one may start when the block ends."""


def unlimited(_spec: JobSpec) -> AbstractContextManager[object]:
    """Let any number of executions go on."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class FileLimiter:
    """Keeps the limits of a run by locks on files in a folder of the run's own; can be sent to workers.

    Args:
        folder: exists for as long as the run lasts.
    """

    folder: Path

    def __call__(self, spec: JobSpec) -> AbstractContextManager[object]:
        """Hold a slot of the job for the block; nothing if the job has no limit."""
        if spec.concurrency_limit is None:
            return nullcontext()
        # A hash, as a job's name may hold characters that a file's name may not.
        return acquire_slot(self.folder / sha256(spec.name.encode()).hexdigest(), spec.concurrency_limit)


@contextmanager
def open_limiter(jobs: Sequence[JobSpec]) -> Iterator[Limiter]:
    """Lend what keeps the limits of these jobs; it makes a folder only if a job has a limit."""
    if not [job for job in jobs if job.concurrency_limit is not None]:
        yield unlimited
        return
    with open_run_folder() as folder:
        yield FileLimiter(folder)


@contextmanager
def open_run_folder() -> Iterator[Path]:
    """Lend a folder for the locks and sockets of a run, which nobody but this user can enter.

    Its name is made up, so that nobody can take it before; and short, as those of sockets have to be.
    """
    import tempfile  # noqa: PLC0415  # 10 ms to import, for pipelines with limits and several workers only

    place = tempfile.gettempdir()
    if len(os.fsencode(place)) > _MAX_PLACE_BYTES:
        place = "/tmp"  # noqa: S108  # the folder in it is this user's alone
    with tempfile.TemporaryDirectory(prefix="pipeline-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder is on this machine, and only this user can enter it."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    mode = status.st_mode
    return stat.S_ISDIR(mode) and status.st_uid == os.geteuid() and not stat.S_IMODE(mode) & 0o077
