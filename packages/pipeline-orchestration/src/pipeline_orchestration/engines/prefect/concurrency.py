"""Concurrency limits of jobs over all runs on a server, by Prefect's global concurrency limits."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256

from prefect.concurrency.sync import concurrency
from prefect.context import SyncClientContext
from prefect.exceptions import ObjectAlreadyExists

from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.execution.concurrency_limits import Limiter

# Prefect refuses some of these characters, and puts others into a URL unescaped.
_SPECIAL = re.compile(r"[^\w .-]")

_LEASE = 60.0  # seconds after which the server frees the slot of a process that no longer renews it


@dataclass(frozen=True, slots=True)
class ServerSlots:
    """Slots for the jobs of a pipeline, kept by the server; picklable, for other processes.

    Args:
        pipeline: name of the pipeline.
    """

    pipeline: str

    def __call__(self, spec: JobSpec) -> AbstractContextManager[object]:
        """Hold a slot of a job within the block; a job without a limit needs none."""
        if spec.concurrency_limit is None:
            return nullcontext()
        return concurrency(make_limit_name(self.pipeline, spec.name), lease_duration=_LEASE)


def create_server_slots(pipeline: str, specs: Sequence[JobSpec]) -> Limiter:
    """Set the limits of the jobs on the server, and return the slots."""
    limits = {spec.name: spec.concurrency_limit for spec in specs if spec.concurrency_limit is not None}
    if limits:
        with SyncClientContext.get_or_create() as context:
            for job, limit in limits.items():
                name = make_limit_name(pipeline, job)
                with suppress(ObjectAlreadyExists):  # another run has set it meanwhile
                    context.client.upsert_global_concurrency_limit_by_name(name, limit)
    return ServerSlots(pipeline)


def make_limit_name(pipeline: str, job: str) -> str:
    """Return the name of a job's limit on the server, such as ``pipeline:text:B``."""
    name = f"pipeline:{_SPECIAL.sub('_', pipeline)}:{_SPECIAL.sub('_', job)}"
    if name == f"pipeline:{pipeline}:{job}":
        return name
    # The hash keeps names apart that differ in special characters only.
    return f"{name}:{sha256(repr((pipeline, job)).encode()).hexdigest()[:8]}"
