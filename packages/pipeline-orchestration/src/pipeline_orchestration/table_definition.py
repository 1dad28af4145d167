"""Definitions of pipelines for typed rows: a file becomes a finalized batch in a table of one's own."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

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
        model: the table, or a ``Target``: several tables that the columns are spread over, which
            needs a record class.
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
    pipeline_jobs.JobA(".", reader=reader, record=_choose_record(record, model))  # refuses what is no reader

    def make_job_a(run: RunContext) -> "JobA":
        # Derived here again: workers get this function by value, and the fields of a derived class were lost.
        kind = _choose_record(record, model)
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


def _choose_record(record: type | None, model: "type[BatchRecord | Target]") -> type:
    """Return the record class, or derive it from the model; check that both fit together."""
    # The model has imported Peewee, which takes 0.05 s, and a record class its library.
    from pipeline_db.row_encoder import match_columns  # noqa: PLC0415
    from pipeline_db.target import list_models  # noqa: PLC0415
    from pipeline_jobs.record_classes.record_class import make_record_class  # noqa: PLC0415

    models = list_models(model)
    if record is None:
        if len(models) > 1:
            raise TypeError(f"record is None, expected a class, as {model.__name__} has several models")
        record = pipeline_db.derive_record(models[0])
    match_columns(models, model.__name__, make_record_class(record).schema)
    return record
