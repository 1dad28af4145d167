"""Secrets in the types of fields, and their defaults; a JSON schema may be overridden, and does not tell."""

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from typing import (
    Any,
    NamedTuple,
    NewType,
    TypeAliasType,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

_EMPTY = (list, dict, tuple, set, frozenset)  # factories whose values hold no secret


class Field(NamedTuple):
    """A field of a class.

    Args:
        name: the attribute of the class.
        kind: its type.
        has_value: whether it has a default that is not empty, or a function that makes one.
    """

    name: str
    kind: Any
    has_value: bool


def holds_secret(kind: Any) -> bool:  # noqa: ANN401  # any type of the user's
    """Return whether values of a type contain ``SecretStr`` or ``SecretBytes``."""
    return any(issubclass(each, SecretStr | SecretBytes) for each in _walk(kind, {}))


def has_secret_default(kind: type) -> bool:
    """Return whether a secret in a class, or in the class of a field, may come from a default."""
    fields = (field for each in _walk(kind, {}) for field in list_fields(each))
    return any(field.has_value and holds_secret(field.kind) for field in fields)


def list_fields(kind: type) -> Iterator[Field]:
    """Yield the fields of a model, a dataclass, a typed dictionary or a named tuple; else nothing."""
    if issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield Field(name, info.annotation, _has_value(info))
        return
    defaults: dict[str, Any] = getattr(kind, "_field_defaults", {})
    if dataclasses.is_dataclass(kind):
        defaults = {each.name: each for each in dataclasses.fields(kind)}
    elif not is_typeddict(kind) and not hasattr(kind, "_field_defaults"):
        return
    hints: dict[str, Any] = {}
    with suppress(Exception):  # it evaluates the user's annotations
        hints = get_type_hints(kind, include_extras=True)
    for name, hint in hints.items():
        yield Field(name, hint, _has_value(defaults.get(name)))


def _walk(kind: Any, seen: dict[int, object]) -> Iterator[type]:  # noqa: ANN401  # any type of the user's
    """Yield the classes in a type, and those of their fields, each once."""
    if id(kind) in seen:
        return
    seen[id(kind)] = kind  # kept, as the number of what is gone may be given again
    match kind:
        case TypeAliasType():
            yield from _walk(kind.__value__, seen)
        case NewType():
            yield from _walk(kind.__supertype__, seen)
        case _:
            origin = get_origin(kind) or kind
            for each in (*get_args(kind), *([origin] if origin is not kind else [])):
                yield from _walk(each, seen)
            if isinstance(kind, type) and origin is kind:
                yield kind
                for field in list_fields(kind):
                    yield from _walk(field.kind, seen)


def _has_value(default: object) -> bool:
    match default:
        case FieldInfo() | dataclasses.Field():
            if default.default_factory not in (None, dataclasses.MISSING):
                return default.default_factory not in _EMPTY
            is_required = isinstance(default, FieldInfo) and default.is_required()
            return (
                not is_required and default.default is not dataclasses.MISSING and _has_value(default.default)
            )
        case None:
            return False
        case SecretStr() | SecretBytes() | str() | bytes() | list() | tuple() | dict() | set() | frozenset():
            return bool(default)
    return True
