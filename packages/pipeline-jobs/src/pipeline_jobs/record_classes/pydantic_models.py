"""Records as pydantic models and dataclasses."""

from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AliasChoices,
    GetCoreSchemaHandler,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from pipeline_jobs.documents.row_faults import Fault
from pipeline_jobs.documents.rows import RejectKind
from pipeline_jobs.exceptions import InputError
from pipeline_jobs.readers.reader import RowBatch

from .record_class import PLAIN_TYPES, Columns, Field, ParsedRows, RecordClass, flatten_hint

_QUOTING = frozenset({"error", "tag", "discriminator"})
"""Keys of an error's context that may hold a part of the data."""
_TYPE_ENDINGS = ("_type", "_parsing", "_parsing_size", "_required")
_TYPES = frozenset({"int_from_float", "date_from_datetime_inexact", "extra_forbidden"})


class _NoneOnError:
    """An annotation: None in place of a value that does not fit, without the cost of an exception."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_default_schema(handler(source), default=None, on_error="default")


class PydanticClass(RecordClass):
    """A pydantic model, or a dataclass of pydantic's."""

    def __init__(self, kind: type) -> None:
        self._one: TypeAdapter[Any] = TypeAdapter(kind)
        self._many: TypeAdapter[list[Any]] = TypeAdapter(list[Annotated[kind, _NoneOnError()]])  # type: ignore[valid-type]  # for mypy
        self._all: TypeAdapter[list[Any]] = TypeAdapter(list[kind])  # type: ignore[valid-type]  # for mypy
        known = kind.__pydantic_fields__  # type: ignore[attr-defined]  # of pydantic
        config = getattr(kind, "model_config", None) or getattr(kind, "__pydantic_config__", None) or {}
        by_name = config.get("validate_by_name") or config.get("populate_by_name")
        fields = []
        for name, field in known.items():
            given = field.validation_alias
            choices = given.choices if isinstance(given, AliasChoices) else [given]
            aliases = [each for each in choices if isinstance(each, str)]
            key = name if by_name or not aliases else aliases[0]
            fields.append(Field(name, key, field.is_required(), frozenset(aliases)))
        computed = kind.__pydantic_decorators__.computed_fields  # type: ignore[attr-defined]  # of pydantic
        self._kept = [name for name, field in known.items() if not field.exclude]
        super().__init__(kind, fields, [*self._kept, *computed])
        # Values of other types have a form in JSON that only pydantic knows.
        is_plain = all(map(_is_plain, self.hints.values())) and not _has_serializers(kind)
        self._mode: Literal["python", "json"] = "python" if is_plain and not computed else "json"
        self._bytes = [name for name in self._kept if bytes in flatten_hint(self.hints[name])]

    row_type = list[Any]

    @cached_property
    def _plain(self) -> TypeAdapter[list[Any]]:
        """Records of the same types, without validators, rules and aliases."""
        known = self.kind.__pydantic_fields__  # type: ignore[attr-defined]  # of pydantic
        fields: dict[str, Any] = {name: (known[name].annotation, ...) for name in self._kept}
        plain: Any = create_model(self.kind.__name__, **fields)
        return TypeAdapter(list[plain])

    def describe(self) -> str:
        """Return the JSON schema of the class; for types that have none, the annotations."""
        try:
            schema = self._one.json_schema()
        except PydanticUserError:
            return repr(self.kind.__annotations__)
        return msgspec.json.encode(schema, enc_hook=repr, order="deterministic").decode()

    def parse(self, batch: RowBatch, columns: Columns) -> ParsedRows:
        """Make records of the rows of a batch."""
        faults: dict[int, Fault] = {}
        values = batch.values
        if values and isinstance(values[0], Mapping):
            values = self.check_keys(values, columns, faults)
        else:
            keys = columns.keys or [field.key for field in self.fields]
            if None in keys:
                pairs = [(n, key) for n, key in enumerate(keys) if key is not None]
                values = [{key: row[n] for n, key in pairs} for row in values]
            else:
                values = [dict(zip(keys, row, strict=False)) for row in values]
        records = self._many.validate_python(values)
        for index, record in enumerate(records):
            if record is None and index not in faults:
                faults[index] = self._explain(values[index], batch.numbers[index])
        for index in faults:
            records[index] = None
        return self.sort_out(batch, records, faults)

    def take_contents(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return the values of each record, as pydantic serializes them."""
        rows = self._all.dump_python(list(records), mode=self._mode, by_alias=False, warnings=False)
        for name in self._bytes:  # a document has them as base64, whatever the class says
            for row, record in zip(rows, records, strict=True):
                row[name] = getattr(record, name)
        columns = self.schema.columns
        if rows and len(rows[0]) == len(columns):
            return [list(row.values()) for row in rows]
        return [[row[name] for name in columns] for row in rows]

    def make_records(self, contents: Sequence[Any]) -> Iterable[Any]:
        """Return instances of the class, made without its validators, which have seen the rows already.

        Raises:
            InputError: ``input.row``: a value has another form in a document than in the class.
        """
        names = self._kept
        rows = [dict(zip(names, row, strict=False)) for row in contents]
        for name in self._bytes:
            for row in rows:
                row[name] = row[name] and b64decode(row[name]).decode("latin-1")
        try:
            plain = self._plain.validate_json(msgspec.json.encode(rows))
        except ValidationError as error:
            place = error.errors()[0]["loc"][1]
            text = f"{self.schema.name}.{place}: values of this type cannot be read back from a document"
            raise InputError("input.row", f"{text}; give the field another type") from None
        records = [{name: getattr(row, name) for name in names} for row in plain]
        for name in self._bytes:
            for record in records:
                record[name] = record[name] and record[name].decode().encode("latin-1")
        make = getattr(self.kind, "model_construct", self.kind)
        return [make(**record) for record in records]

    def _explain(self, row: Mapping[str, object], number: int) -> Fault:
        """Return why pydantic refuses a row; the line number is for bugs in the code of the class."""
        try:
            self._one.validate_python(row)
        except ValidationError as error:
            first, *more = map(self._explain_error, error.errors())
            others = "".join(f"; {fault.column}: {fault.reason}" for fault in more)
            return first._replace(reason=first.reason + others)
        except Exception as error:
            error.add_note(f"in the row of line {number}")
            raise
        return Fault(RejectKind.RULE, None, f"a rule of {self.schema.name}")

    def _explain_error(self, error: ErrorDetails) -> Fault:
        place = error["loc"][0] if error["loc"] else None
        field = next(
            (each for each in self.fields if place in (each.name, each.key) or place in each.aliases), None
        )
        column = field.name if field else None
        kind = error["type"]
        if kind == "missing" or error.get("input", self) is None:
            return Fault(RejectKind.TYPE, column, "no value")
        is_type = kind in _TYPES or kind.endswith(_TYPE_ENDINGS)
        # Only pydantic's own errors have a URL; those of a user's code may say anything.
        is_own = "url" in error and kind not in ("value_error", "assertion_error")
        if is_own and _QUOTING.isdisjoint(error.get("ctx", ())):
            reason = error["msg"][0].lower() + error["msg"][1:]
        elif is_own:
            reason = kind.replace("_", " ")
        else:
            reason = f"a rule of {self.schema.name}"
        return Fault(RejectKind.TYPE if is_type else RejectKind.RULE, column, reason)


def _has_serializers(kind: type) -> bool:
    decorators = kind.__pydantic_decorators__  # type: ignore[attr-defined]  # of pydantic
    return bool(decorators.field_serializers or decorators.model_serializers)


def _is_plain(hint: object) -> bool:
    """Return whether values of a type are encoded by msgspec as pydantic serializes them."""
    return all(part in PLAIN_TYPES for part in flatten_hint(hint) if isinstance(part, type) or part is Any)
