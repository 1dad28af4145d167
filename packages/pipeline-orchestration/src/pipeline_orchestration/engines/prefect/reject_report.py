"""Report of the rejected rows of a run, for its page: how many have which reason, and none of their data."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from pipeline_jobs import BatchId, PipelineError
from pipeline_jobs.escaping import shorten
from pipeline_orchestration.context import RunContext
from pipeline_orchestration.execution.resume_command import build_rejects_command
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.results import RunResult

from .markdown import format_code, format_command

_MOST_COUNTED = 100_000  # rejects: read in a second
_MOST_REASONS = 50  # rows of the table
_MOST_BATCHES = 20  # listed
_LONGEST_NAME = 100  # characters

_log = logging.getLogger(__name__)


class Reason(NamedTuple):
    """Why rows were rejected.

    Args:
        job: that rejected them.
        kind: of the reason.
        column: that it is about; None for the row as a whole.
    """

    job: str
    kind: str
    column: str | None


def describe_rejects(spec: RunSpec, results: Sequence[RunResult]) -> str | None:
    """Return the report as Markdown; None if no row was rejected, or the database cannot be read.

    Args:
        spec: the run.
        results: of its inputs; their batches hold the rejects.
    """
    rejected = {
        result.batch_id: result.sums.rejected
        for result in results
        if result.sums and result.sums.rejected and result.batch_id is not None
    }
    if not rejected:
        return None
    try:
        reasons = Counter(islice(_read_reasons(spec, rejected), _MOST_COUNTED))
    except PipelineError as error:
        _log.debug("rejects could not be counted: %s", error)
        return None
    return "\n\n".join(_make_parts(spec, rejected, reasons))


def _read_reasons(spec: RunSpec, batches: Mapping[BatchId, int]) -> Iterator[Reason]:
    store = RunContext(spec.config, spec.run_id).store
    for each in chain.from_iterable(map(store.rejects, batches)):
        yield Reason(each.job, each.kind, each.column)


def _make_parts(spec: RunSpec, rejected: Mapping[BatchId, int], reasons: Counter[Reason]) -> Iterator[str]:
    total, counted = sum(rejected.values()), reasons.total()
    listed = ", ".join(map(str, [*rejected][:_MOST_BATCHES]))
    more = f" and {len(rejected) - _MOST_BATCHES:,} more" if len(rejected) > _MOST_BATCHES else ""
    yield f"# {total:,} rows rejected"
    yield f"In {'batch' if len(rejected) == 1 else 'batches'} {listed}{more}."
    if counted < total:
        yield f"The first {counted:,} of them are counted here."
    yield "\n".join(_make_table(reasons))
    if len(reasons) > _MOST_REASONS:
        yield f"… and {len(reasons) - _MOST_REASONS:,} more reasons."
    yield "To see the rows, run this on the same machine:"
    config = spec.config
    place = {"db_url": config.db_url} if config.db_url else {"db_path": config.db_path}
    batch = next(iter(rejected)) if len(rejected) == 1 else "BATCH"
    yield format_command(build_rejects_command(place, batch))


def _make_table(reasons: Counter[Reason]) -> Iterator[str]:
    yield "| rows | job | kind | column |"
    yield "|---:|---|---|---|"
    for reason, count in reasons.most_common(_MOST_REASONS):
        column = "" if reason.column is None else _format_name(reason.column)
        yield f"| {count:,} | {_format_name(reason.job)} | {_format_name(reason.kind)} | {column} |"


def _format_name(name: str) -> str:
    # Also within code, a bar would end the cell of the table.
    return format_code(shorten(name, _LONGEST_NAME).replace("|", "\\|"))
