"""The tables as Peewee models, bound to no database: pass one to ``query.execute(database)``."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from peewee import (
    BigAutoField,
    BigIntegerField,
    CompositeKey,
    DateTimeField,
    ForeignKeyField,
    Model,
    TextField,
)

from pipeline_jobs import BatchId


class Batch(NamedTuple):
    """A batch as the store returns it.

    Args:
        id: of the batch.
        source: URI of the file that the records come from, or ``memory:``.
        source_name: its name for a person.
        record_count: number of its records.
        status: ``loaded`` or ``finalized``.
        created_at: when it was loaded, with a time zone (UTC).
        finalized_at: when it was finalized; None if it was not.
        run_id: of the run that loaded it; None if it was loaded without a runner.
        target: the table that holds its records.
        schema_name: name of the record class; None for lines.
        read_count: rows of the source: records, rejected, blank and dropped ones; None for lines.
        rejected_count: rows that do not fit, kept apart; None for lines.
        blank_count: rows without content; None for lines.
        dropped_count: rows that a job left out; None for lines.
    """

    id: BatchId
    source: str
    source_name: str
    record_count: int
    status: str
    created_at: datetime
    finalized_at: datetime | None
    run_id: str | None
    target: str = "processed_records"
    schema_name: str | None = None
    read_count: int | None = None
    rejected_count: int | None = None
    blank_count: int | None = None
    dropped_count: int | None = None


class RejectedRow(NamedTuple):
    """A rejected row as the store returns it.

    Args:
        line_number: of its first line in the source.
        job: that rejected it.
        kind: of the reason, a value of `RejectKind`.
        column: that the reason is about; None for the row as a whole.
        reason: for a person; it does not quote the data.
        raw: the row as it was read, with NUL and undecodable bytes escaped.
        resolved_by: the batch that holds the row after it was corrected; None if it was not.
    """

    line_number: int
    job: str
    kind: str
    column: str | None
    reason: str
    raw: str
    resolved_by: int | None


class UtcField(DateTimeField):
    """A point in time, stored in UTC without an offset, and read back with one."""

    def db_value(self, value: datetime | None) -> object:
        """Return the value to store."""
        return super().db_value(value and value.astimezone(UTC).replace(tzinfo=None))  # type: ignore[no-untyped-call]  # Peewee

    def python_value(self, value: object) -> datetime | None:
        """Return a stored value as an aware datetime."""
        time = super().python_value(value)  # type: ignore[no-untyped-call]  # Peewee
        return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None


class ProcessingBatch(Model):
    """A batch: the records of one source, loaded together. Records have no status of their own."""

    id = BigAutoField()
    source = TextField()
    source_name = TextField()
    records_sha256 = TextField()
    record_count = BigIntegerField()
    status = TextField()
    created_at = UtcField()
    finalized_at = UtcField(null=True)
    run_id = TextField(null=True)
    target = TextField(default="processed_records")
    schema_name = TextField(null=True)
    schema_fingerprint = TextField(null=True)
    read_count = BigIntegerField(null=True)
    rejected_count = BigIntegerField(null=True)
    blank_count = BigIntegerField(null=True)
    dropped_count = BigIntegerField(null=True)

    class Meta:
        """The table."""

        table_name = "processing_batches"


class ProcessedRecord(Model):
    """A record of a batch, identified by its line number."""

    batch = ForeignKeyField(ProcessingBatch, backref="+")
    line_number = BigIntegerField()
    content = TextField()

    class Meta:
        """The table."""

        table_name = "processed_records"
        primary_key = CompositeKey("batch", "line_number")


class RejectedRecord(Model):
    """A row of a source that was not loaded, and why."""

    batch = ForeignKeyField(ProcessingBatch, backref="+")
    line_number = BigIntegerField()
    job = TextField()
    kind = TextField()
    column_name = TextField(null=True)
    reason = TextField()
    raw_row = TextField(column_name="raw")  # `raw` is a method of each model
    resolved_by = BigIntegerField(null=True)

    class Meta:
        """The table."""

        table_name = "rejected_records"
        primary_key = CompositeKey("batch", "line_number")


def get_meta(model: type[Model]) -> Any:  # noqa: ANN401  # Peewee's stubs have no type for it
    """Return what Peewee knows of a model: its table, its fields, its indexes."""
    return model._meta  # noqa: SLF001  # as Peewee documents it


def get_table_name(model: type[Model]) -> str:
    """Return the name of a model's table."""
    name: str = get_meta(model).table_name
    return name
