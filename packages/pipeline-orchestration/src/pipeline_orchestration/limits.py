"""How many executions of a job go on at a time in one run, over threads and processes of this machine."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline_jobs import slots

from .definition import JobSpec
from .local import Slot, unlimited


@dataclass(frozen=True, slots=True)
class FileSlots:
    """Slots of the jobs of a run: locks on files in a folder that is the run's own.

    They can be sent to other processes.
    """

    folder: Path

    def __call__(self, spec: JobSpec) -> AbstractContextManager[object]:
        """Hold a slot of a job for the block; of one without a limit, nothing."""
        if spec.concurrency_limit is None:
            return nullcontext()
        # A job may be called what no file may.
        return slots(self.folder / sha256(spec.name.encode()).hexdigest(), spec.concurrency_limit)


@contextmanager
def limited(specs: Sequence[JobSpec]) -> Iterator[Slot]:
    """Lend the slots of a run of these jobs."""
    if all(spec.concurrency_limit is None for spec in specs):
        yield unlimited
        return
    from tempfile import TemporaryDirectory  # noqa: PLC0415  # 10 ms to import, and seldom needed

    with TemporaryDirectory(prefix="pipeline-") as folder:
        yield FileSlots(Path(folder))
