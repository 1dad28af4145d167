"""The tables as Peewee models, bound to no database: a query is told where to run."""

from datetime import UTC, datetime

from peewee import (
    BigAutoField,
    BigIntegerField,
    CompositeKey,
    DateTimeField,
    ForeignKeyField,
    Model,
    TextField,
)


class UtcField(DateTimeField):
    """A moment, stored in UTC without an offset, that reads back with one."""

    def db_value(self, value: datetime | None) -> object:
        """Return what is stored."""
        return super().db_value(value and value.astimezone(UTC).replace(tzinfo=None))  # type: ignore[no-untyped-call]  # Peewee

    def python_value(self, value: object) -> datetime | None:
        """Return what is read."""
        moment = super().python_value(value)  # type: ignore[no-untyped-call]  # Peewee
        return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None


class ProcessingBatch(Model):
    """A batch: records of one source, loaded together; its status is the only one there is."""

    id = BigAutoField()
    source = TextField()
    source_name = TextField()
    records_sha256 = TextField()
    record_count = BigIntegerField()
    status = TextField()
    created_at = UtcField()
    finalized_at = UtcField(null=True)
    run_id = TextField(null=True)

    class Meta:
        """Where it is kept."""

        table_name = "processing_batches"


class ProcessedRecord(Model):
    """A record of a batch, by the number of its line."""

    batch = ForeignKeyField(ProcessingBatch, backref="+")
    line_number = BigIntegerField()
    content = TextField()

    class Meta:
        """Where it is kept."""

        table_name = "processed_records"
        primary_key = CompositeKey("batch", "line_number")
