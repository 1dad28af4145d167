"""Definitions of pipelines for typed rows: a file becomes a finalized batch in a table of one's own."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pipeline_db  # not their classes, each of which is imported when it is first named
import pipeline_jobs

from .context import RunContext
from .definition import Hook, PipelineDefinition

if TYPE_CHECKING:
    from pipeline_db import BatchRecord, Target
    from pipeline_jobs import JobA, Reader, RejectLimit
    from pipeline_jobs.readers.reader import BatchReader


def table_pipeline(
    name: str,
    *,
    reader: "Reader | BatchReader | None" = None,
    record: type | None = None,
    model: "type[BatchRecord | Target]",
    max_rejects: "str | int | RejectLimit" = 0,
    retries: int = 3,
    retry_delay_seconds: float | Sequence[float] = 1.0,
    timeout_seconds: float | None = None,
    description: str | None = None,
    params: type | None = None,
    on_completion: Iterable[Hook] = (),
    on_failure: Iterable[Hook] = (),
) -> PipelineDefinition:
    """Return the definition of a pipeline that loads typed rows into a table: jobs A, B and C.

    Every setting has the effect that it has on lines of text. More jobs may be added behind C; for a
    `MapJob` between A and B, add the jobs by hand.

    Args:
        name: of the pipeline.
        reader: turns a file into rows; without one, ``Csv()``.
        record: what a row must be: a Pydantic model, a msgspec Struct or a dataclass; without one, it is
            derived from `model`.
        model: the table, or a ``Target``: several tables that the columns are spread over.
        max_rejects: how many rows of an input may be rejected, as a number or a percentage such as ``1%``,
            unless the setting says otherwise.
        retries: of each job, after a failure that is retriable.
        retry_delay_seconds: as for ``add_job``.
        timeout_seconds: of each job, as for ``add_job``.
        description: as for ``PipelineDefinition``, like the following ones.
        params: the class of the parameters, for jobs that are added.
        on_completion: called with the result of each input that succeeded.
        on_failure: called with the result of each input that failed.

    Raises:
        TypeError: `reader`, `record` or `model` is none.
        ValueError: `max_rejects` is none.
        InputError: ``input.columns``: `record` and `model` do not fit together.
        UsageError: ``usage.job`` or ``usage.params``: another value is out of bounds.
    """
    reader = pipeline_jobs.Csv() if reader is None else reader
    limit = pipeline_jobs.parse_reject_limit(max_rejects)
    kind = _derive_record(model) if record is None else record
    pipeline_jobs.JobA(".", reader=reader, record=kind)  # refuses what is no reader or no record class
    _check_columns(kind, model)

    def make_job_a(run: RunContext) -> "JobA":
        # Not `kind`: workers get this function by value, and the fields of a derived class would be lost.
        kind = _derive_record(model) if record is None else record
        return pipeline_jobs.JobA(
            run.output_dir,
            run.encoding,
            run.max_record_bytes,
            run.config.max_unpacked_bytes,
            run.config.max_unpacked_ratio,
            reader=reader,
            record=kind,
            max_rejects=run.config.max_rejects or limit,
        )

    definition = PipelineDefinition(
        name, description=description, params=params, on_completion=on_completion, on_failure=on_failure
    )
    add_job = partial(
        definition.add_job,
        retries=retries,
        retry_delay_seconds=retry_delay_seconds,
        timeout_seconds=timeout_seconds,
        retry_on=(),  # as in the text pipeline
    )
    add_job("A", make_job_a)
    add_job(
        "B",
        lambda run: pipeline_jobs.JobB(run.store.into(model), run.on_duplicate, run.max_record_bytes),
    )
    add_job("C", lambda run: pipeline_jobs.JobC(run.store))
    return definition


def _derive_record(target: Any) -> type:  # noqa: ANN401  # whatever the user has given
    if isinstance(target, type) and issubclass(target, pipeline_db.Target):
        raise TypeError(f"{target.__name__} has several tables: name the record class of its rows")
    return pipeline_db.derive_record(target)


def _check_columns(record: type, target: "type[BatchRecord | Target]") -> None:
    """Refuse a record class whose columns do not fit into the tables."""
    from pipeline_db.row_encoder import match_columns  # noqa: PLC0415  # Peewee, which the model has imported
    from pipeline_db.target import list_models  # noqa: PLC0415  # as above
    from pipeline_jobs.record_classes.record_class import make_record_class  # noqa: PLC0415  # msgspec

    match_columns(list_models(target), target.__name__, make_record_class(record).schema)
