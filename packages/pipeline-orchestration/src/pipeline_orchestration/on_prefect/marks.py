"""How runs are found on Prefect: their tags, and where their page is."""

import logging
import re
from collections.abc import Iterable
from uuid import UUID

import httpx
from prefect.context import SyncClientContext
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


def tag_batches(flow_run_id: str, tags: Iterable[str], results: Iterable[RunResult]) -> None:
    """Tag a flow run with the batches that it came to, beside the tags it has.

    What was done is done: an API that refuses is no failure of the run.
    """
    batches = dict.fromkeys(f"batch:{result.batch_id}" for result in results if result.batch_id is not None)
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
