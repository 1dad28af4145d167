"""How many executions of a job go on at a time, over all runs on a server: global concurrency limits."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256

from prefect.concurrency.sync import concurrency
from prefect.context import SyncClientContext
from prefect.exceptions import ObjectAlreadyExists

from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.local import Slot

# Prefect refuses some characters, and puts others into a path as they are.
_ODD = re.compile(r"[^\w .-]")

_LEASE = 60.0  # seconds after which the server takes a slot from a process that no longer says it is there


@dataclass(frozen=True, slots=True)
class ServerSlots:
    """Slots of the jobs of a pipeline, kept by the server. They can be sent to other processes."""

    pipeline: str

    def __call__(self, spec: JobSpec) -> AbstractContextManager[object]:
        """Hold a slot of a job for the block; of one without a limit, nothing."""
        if spec.concurrency_limit is None:
            return nullcontext()
        return concurrency(limit_name(self.pipeline, spec.name), lease_duration=_LEASE)


def server_slots(pipeline: str, specs: Sequence[JobSpec]) -> Slot:
    """Tell the server how many executions of each job may go on, and return what holds a slot of them."""
    limited = [(spec.name, spec.concurrency_limit) for spec in specs if spec.concurrency_limit is not None]
    if limited:
        with SyncClientContext.get_or_create() as context:
            for job, limit in limited:
                with suppress(ObjectAlreadyExists):  # another run has told it meanwhile
                    context.client.upsert_global_concurrency_limit_by_name(limit_name(pipeline, job), limit)
    return ServerSlots(pipeline)


def limit_name(pipeline: str, job: str) -> str:
    """Return what the limit of a job is called on the server, as ``pipeline:text:B``."""
    plain = f"pipeline:{_ODD.sub('_', pipeline)}:{_ODD.sub('_', job)}"
    if plain == f"pipeline:{pipeline}:{job}":
        return plain
    # With a hash, two that differ by such characters only stay two.
    return f"{plain}:{sha256(repr((pipeline, job)).encode()).hexdigest()[:8]}"
