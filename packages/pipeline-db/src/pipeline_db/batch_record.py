"""`BatchRecord`: the base of models whose tables hold the rows of batches."""

import re
from typing import Any, Self

from peewee import BigIntegerField, CompositeKey, Field, Model, ModelSelect

from .models import ProcessingBatch, get_meta
from .queries import FINALIZED

VIEW_PREFIX = "finalized_"
"""Before the name of a table, this is the name of the view of its rows of finalized batches."""

_KEY = ("batch", "line_number")
_MAX_NAME = 63 - len(VIEW_PREFIX)  # PostgreSQL cuts longer names
_NAME = re.compile(r"[^\W\d]\w*")
_RESERVED = frozenset(
    {"records", "processing_batches", "processed_records", "rejected_records", "pipeline_schema"}
)
_UNIQUE = re.compile(r"\bUNIQUE\b", re.IGNORECASE)
_BATCH_COLUMN = re.compile(r"\bbatch_id\b")


class _KeyField(BigIntegerField):
    """A field that `BatchRecord` brings along."""


class BatchRecord(Model):
    """The base of a Peewee model for the rows of batches.

    A subclass lists the columns of a row; `batch` and `line_number` identify it. Use it with
    ``store.into(Model)``. The model is bound to no database: ``query.execute(database)``.

    Raises:
        TypeError: when a subclass is defined that could not hold several batches, or whose fields would hide
            methods of Peewee's ``Model``.
    """

    batch = _KeyField(column_name="batch_id")
    line_number = _KeyField()

    class Meta:
        """The primary key."""

        primary_key = CompositeKey(*_KEY)

    @classmethod
    def finalized(cls) -> "ModelSelect[Self]":
        """Return a query of the rows of finalized batches."""
        batches = ProcessingBatch.select(ProcessingBatch.id).where(ProcessingBatch.status == FINALIZED)
        return cls.select().where(cls.batch.in_(batches))

    @classmethod
    def validate_model(cls) -> None:
        """Refuse a subclass that cannot hold batches; Peewee calls this when the class is defined."""
        if cls.__base__ is not Model and (fault := _find_fault(cls)):
            raise TypeError(f"{cls.__name__}: {fault}")


def _find_fault(model: type[BatchRecord]) -> str | None:
    """Return what is wrong with a model, and what to do; None for a sound one."""
    meta = get_meta(model)
    for name in meta.sorted_field_names:
        if name not in _KEY and (hasattr(Model, name) or name in vars(BatchRecord)):
            return (
                f"the field {name!r} would hide an attribute of each model; call it '{name}_', "
                f"with column_name={name!r}"
            )
    key = meta.primary_key
    if not isinstance(key, CompositeKey) or key.field_names != _KEY:
        return (
            "has a primary key of its own, but its rows are identified by batch and line_number; remove "
            "primary_key, AutoField and Meta.primary_key, and make keys unique by "
            'Meta.indexes = ((("batch", …), True),)'
        )
    if not all(isinstance(meta.fields[name], _KeyField) for name in _KEY):
        return "'batch' and 'line_number' come with BatchRecord; give these fields other names"
    names = [field.column_name.lower() for field in meta.sorted_fields]
    if repeated := {name for name in names if names.count(name) > 1}:
        return f"two fields have the column {min(repeated)!r}; give one of them another column_name"
    return _find_table_fault(meta) or _find_unique_fault(meta)


def _find_table_fault(meta: Any) -> str | None:  # noqa: ANN401  # Peewee's stubs have no type for it
    name: str = meta.table_name
    if meta.strict_tables or meta.temporary:
        return "Meta.strict_tables and Meta.temporary are not supported; remove them"
    if meta.schema:
        return "Meta.schema is not supported; name the schema in the URL of the database (search_path)"
    if name.lower() in _RESERVED or name.lower().startswith(("sqlite_", "pg_", VIEW_PREFIX)):
        return f"the table name {name!r} is taken; choose another with Meta.table_name"
    if not _NAME.fullmatch(name) or len(name.encode()) > _MAX_NAME:
        return f"the table name {name!r} must be a word of at most {_MAX_NAME} bytes; set Meta.table_name"
    return None


def _find_unique_fault(meta: Any) -> str | None:  # noqa: ANN401  # see above
    """Find a constraint that a second batch with the same values would break."""
    indexes = [index._expressions for index in meta.fields_to_index() if index._unique]  # noqa: SLF001  # no public names
    batch = meta.fields["batch"]
    broken = next((fields for fields in indexes if all(field is not batch for field in fields)), ())
    columns = [field.name for field in broken if isinstance(field, Field)]
    texts = [str(getattr(item, "sql", "")) for item in meta.constraints or ()]
    texts += [
        f"{field.name} {getattr(item, 'sql', '')}"
        for field in meta.sorted_fields
        for item in field.constraints or ()
    ]
    has_text = any(_UNIQUE.search(text) and not _BATCH_COLUMN.search(text) for text in texts)
    if not broken and not has_text:
        return None
    listed = ", ".join(map(repr, columns)) or "…"
    return (
        "a unique constraint without 'batch' would refuse the next batch; use "
        f'Meta.indexes = ((("batch", {listed}), True),)'
    )
