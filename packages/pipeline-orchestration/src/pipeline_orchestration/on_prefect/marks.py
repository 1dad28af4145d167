"""How runs are found on Prefect: their tags, and where their page is."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.context import SyncClientContext, TagsContext, TaskRunContext
from prefect.exceptions import PrefectException
from prefect.utilities.urls import url_for

from pipeline_orchestration.result import RunResult

_MOST_BATCHES = 50  # tags of one run: more, nobody reads, and the run's page has them all

_log = logging.getLogger(__name__)


def pipeline_tag(name: str) -> str:
    """Return the tag of everything that belongs to a pipeline."""
    return f"pipeline:{name}"


def job_tag(name: str) -> str:
    """Return the tag of the task runs of a job."""
    return f"job:{name}"


def batch_tag(batch_id: int) -> str:
    """Return the tag of runs that loaded, found or finalized a batch."""
    return f"batch:{batch_id}"


@contextmanager
def task_runs_untagged(tag: str) -> Iterator[None]:
    """Have task runs that begin within the block not take over a tag of their flow run.

    For each run of a task with tags Prefect asks the server for a slot of each; where that keeps SQLite, and
    is busy, the answer is to ask again in two seconds. `tag_task_run` costs nothing.
    """
    with TagsContext(current_tags=TagsContext.get().current_tags - {tag}):
        yield


def tag_task_run(*tags: str) -> None:
    """Tag the task run that this is called in, if it is: its next state brings them to the server."""
    if context := TaskRunContext.get():
        context.task_run.tags = sorted({*context.task_run.tags, *tags})


def tag_batches(flow_run_id: str, tags: Iterable[str], results: Iterable[RunResult]) -> None:
    """Tag a flow run with the batches that it came to, beside the tags it has.

    What was done is done: an API that refuses is no failure of the run.
    """
    batches = dict.fromkeys(batch_tag(result.batch_id) for result in results if result.batch_id is not None)
    if not batches or len(batches) > _MOST_BATCHES:
        return
    try:
        with SyncClientContext.get_or_create() as context:  # a client of its own would take 0.05 s to make
            context.client.update_flow_run(UUID(flow_run_id), tags=[*tags, *batches])
    except (httpx.HTTPError, PrefectException) as error:
        _log.debug("the run could not be tagged with its batches: %s", type(error).__name__)


def page(flow_run_id: str) -> str | None:
    """Return the URL of a flow run's page; None where the server has no pages for people."""
    found = url_for("flow-run", flow_run_id)
    return re.sub(r"://\S*@", "://", found) if found else None
