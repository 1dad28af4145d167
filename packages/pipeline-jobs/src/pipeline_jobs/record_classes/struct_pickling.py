"""Structs of a script on their way to another process: `pickle` needs to be told how to make them."""

from functools import partial
from typing import Any

import msgspec


def reduce_struct(kind: object) -> tuple[Any, ...] | None:
    """Return how to make a Struct, or a rule of a field, again in another process, for `pickle`.

    cloudpickle, which copies the classes of a script, does not know their fields. None for anything else.
    """
    if isinstance(kind, msgspec.Meta):
        rules = {name: getattr(kind, name) for name in _RULES}
        return partial(msgspec.Meta, **{name: rule for name, rule in rules.items() if rule is not None}), ()
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return None
    fields = [each for each in msgspec.structs.fields(kind) if each.name in kind.__annotations__]
    config = {name: getattr(kind.__struct_config__, name) for name in _CONFIG}
    inherited = {*kind.__annotations__, *_MADE_BY_MSGSPEC}
    own = {name: value for name, value in vars(kind).items() if name not in inherited}
    described = [(each.name, each.type, _describe_field(each)) for each in fields]
    return _make_struct, (kind.__name__, described, kind.__bases__, kind.__module__, own, config)


_CONFIG = (
    "frozen",
    "eq",
    "order",
    "array_like",
    "gc",
    "repr_omit_defaults",
    "omit_defaults",
    "forbid_unknown_fields",
    "tag",
    "tag_field",
)
_RULES = (
    *("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz"),
    *("title", "description", "examples", "extra_json_schema", "extra"),
)
_MADE_BY_MSGSPEC = (
    *("__annotations__", "__dict__", "__doc__", "__match_args__", "__module__", "__qualname__", "__slots__"),
    *("__struct_config__", "__struct_fields__", "__struct_defaults__", "__struct_encode_fields__"),
    *("__weakref__", "__static_attributes__", "__firstlineno__"),
)


def _describe_field(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    options = {"default": field.default, "default_factory": field.default_factory}
    options = {name: value for name, value in options.items() if value is not msgspec.NODEFAULT}
    return options if field.encode_name == field.name else options | {"name": field.encode_name}


def _make_struct(
    name: str,
    fields: list[tuple[str, Any, dict[str, Any]]],
    bases: tuple[type, ...],
    module: str,
    namespace: dict[str, Any],
    config: dict[str, Any],
) -> type[msgspec.Struct]:
    described = [(field, kind, msgspec.field(**options)) for field, kind, options in fields]
    make = partial(
        msgspec.defstruct, name, described, bases=bases, module=module, namespace=namespace, **config
    )
    try:
        return make()
    except TypeError:  # a field without a default after one with a default
        return make(kw_only=True)
