"""The parameters that a class declares, read from its JSON schema: names, types, defaults, secrets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from .secret_fields import has_secret_default, holds_secret, list_fields
from .sources import PARAMETER_PREFIX

_REFERENCES = "#/definitions/"  # where Prefect has them


class _Generator(GenerateJsonSchema):
    # No warnings: such a choice or default is left out, and the value is computed.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  # as the base class


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter, as its class declares it.

    Args:
        name: as it is given; the alias of the field if that has one.
        field: the attribute of the class.
        schema: of its values, as JSON Schema.
        is_required: whether it has no default.
        is_secret: whether its type contains ``SecretStr`` or ``SecretBytes``.
        type_name: its type in words, such as ``integer`` or ``eu|us``.
    """

    name: str
    field: str
    schema: Mapping[str, Any]
    is_required: bool
    is_secret: bool
    type_name: str

    @property
    def variable(self) -> str:
        """Name of its environment variable."""
        return PARAMETER_PREFIX + re.sub(r"\W", "_", self.name).upper()

    @property
    def description(self) -> str:
        """Its purpose, in the words of its class."""
        return str(self.schema.get("description", ""))

    @property
    def default(self) -> str:
        """Its default as text, or ``required``."""
        if self.is_required:
            return "required"
        if "default" not in self.schema:
            return "computed"
        if self.schema["default"] is None:
            return "none"
        return "hidden" if self.is_secret else to_text(self.schema["default"])


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """All parameters of a class, and the schemas that theirs refer to.

    Args:
        parameters: of the class, in order.
        definitions: schemas that the schemas of the parameters refer to, by name.
        has_secret_default: whether a secret may come from a default, also inside of a parameter.
    """

    parameters: tuple[Parameter, ...]
    definitions: Mapping[str, JsonSchemaValue]
    has_secret_default: bool

    def make_form(self) -> JsonSchemaValue:
        """Return the JSON schema of a form without the secrets."""
        shown = [each for each in self.parameters if not each.is_secret]
        return {
            "type": "object",
            "properties": {each.name: {**each.schema, "title": each.name} for each in shown},
            "required": [each.name for each in shown if each.is_required],
            "additionalProperties": False,
        }


def read_schema(kind: type, adapter: TypeAdapter[Any]) -> ParameterSchema:
    """Return the parameters of a class.

    Args:
        kind: the class.
        adapter: of the class.

    Raises:
        PydanticUserError: a field has no JSON schema.
    """
    named, definitions = _generate(adapter, by_alias=True)
    # The same fields in the same order, under the names of their attributes.
    fields, _ = _generate(adapter, by_alias=False)
    required = named.get("required", ())
    secret_fields = {each.name for each in list_fields(kind) if holds_secret(each.kind)}
    parameters = []
    for (name, schema), field in zip(
        named.get("properties", {}).items(), fields.get("properties", {}), strict=True
    ):
        # The type decides. What the schema says alone holds for types that cannot be read.
        is_secret = field in secret_fields or _holds_secret(schema, definitions)
        type_name = "secret" if is_secret else _name_type(schema, definitions)
        parameters.append(Parameter(name, field, schema, name in required, is_secret, type_name))
    return ParameterSchema(tuple(parameters), definitions, has_secret_default(kind))


def to_text(value: object) -> str:
    """Return a value that JSON knows as ``--param`` takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _generate(
    adapter: TypeAdapter[Any], *, by_alias: bool
) -> tuple[JsonSchemaValue, Mapping[str, JsonSchemaValue]]:
    schema = adapter.json_schema(
        by_alias=by_alias, ref_template=f"{_REFERENCES}{{model}}", schema_generator=_Generator
    )
    definitions = schema.get("$defs", {})
    if "$ref" in schema:  # a class that refers to itself is among the definitions
        schema = definitions[schema["$ref"].removeprefix(_REFERENCES)]
    return schema, definitions


def _holds_secret(
    schema: object, definitions: Mapping[str, JsonSchemaValue], seen: frozenset[str] = frozenset()
) -> bool:
    """Return whether values of a schema contain a secret, which Pydantic marks as ``writeOnly``."""
    match schema:
        case {"writeOnly": True}:
            return True
        case {"$ref": str(reference)} if reference not in seen:
            target = definitions.get(reference.removeprefix(_REFERENCES))
            return _holds_secret(target, definitions, seen | {reference})
        case dict():
            return any(_holds_secret(each, definitions, seen) for each in schema.values())
        case list():
            return any(_holds_secret(each, definitions, seen) for each in schema)
    return False


def _name_type(schema: Mapping[str, Any], definitions: Mapping[str, JsonSchemaValue]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCES)
        target = definitions[name]
        # An enumeration has few values; a model has fields, and its name says more.
        return _name_type(target, definitions) if "enum" in target else str(target.get("title", name))
    kind = str(schema.get("type", "any"))
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if choices:
        return "|".join(map(to_text, choices))
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_name_type(each, definitions) for each in alternatives))
    if kind == "array" and schema.get("items"):
        return f"list of {_name_type(schema['items'], definitions)}"
    if kind == "string":
        return str(schema.get("format", "text"))
    return {"null": "none"}.get(kind, kind)
