"""Tags of flow runs and task runs, and the URL of a run's page."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.context import SyncClientContext, TagsContext, TaskRunContext
from prefect.exceptions import PrefectException
from prefect.utilities.urls import url_for

from pipeline_orchestration.results import RunResult

_MOST_BATCHES = 50  # tags of a run; nobody reads more, and the run's page lists all batches

_log = logging.getLogger(__name__)


def make_pipeline_tag(name: str) -> str:
    """Return the tag of all runs of a pipeline."""
    return f"pipeline:{name}"


def make_job_tag(name: str) -> str:
    """Return the tag of the task runs of a job."""
    return f"job:{name}"


def make_batch_tag(batch_id: int) -> str:
    """Return the tag of runs that loaded, found or finalized a batch."""
    return f"batch:{batch_id}"


@contextmanager
def keep_tag_off_task_runs(tag: str) -> Iterator[None]:
    """Keep task runs that begin within the block from inheriting a tag of their flow run.

    For each run of a task with tags, Prefect asks the server for a slot of each tag. A busy server on SQLite
    answers that Prefect is to ask again in two seconds. `tag_task_run` costs no request.
    """
    with TagsContext(current_tags=TagsContext.get().current_tags - {tag}):
        yield


def tag_task_run(*tags: str) -> None:
    """Tag the current task run, if any; its next state brings the tags to the server."""
    if context := TaskRunContext.get():
        context.task_run.tags = sorted({*context.task_run.tags, *tags})


def tag_batches(flow_run_id: str, tags: Iterable[str], results: Iterable[RunResult]) -> None:
    """Tag a flow run with the batches of its results, besides the tags that it has.

    The run does not fail if the API refuses: its work is done.
    """
    batch_ids = (result.batch_id for result in results if result.batch_id is not None)
    batches = dict.fromkeys(map(make_batch_tag, batch_ids))
    if not batches or len(batches) > _MOST_BATCHES:
        return
    try:
        with SyncClientContext.get_or_create() as context:  # making another client would take 0.05 s
            context.client.update_flow_run(UUID(flow_run_id), tags=[*tags, *batches])
    except (httpx.HTTPError, PrefectException) as error:
        _log.debug("the run could not be tagged with its batches: %s", type(error).__name__)


def get_run_url(flow_run_id: str) -> str | None:
    """Return the URL of a flow run's page, without a password; None if the server has no pages."""
    url = url_for("flow-run", flow_run_id)
    return re.sub(r"://\S*@", "://", url) if url else None
