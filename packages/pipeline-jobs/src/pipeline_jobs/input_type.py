"""The meaning of a job's inputs, derived from its type argument: `BaseJob[Path, …]` takes files."""

import sys
from os import PathLike
from types import NoneType, SimpleNamespace, UnionType, get_original_bases
from typing import (
    Annotated,
    Any,
    ForwardRef,
    NewType,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .base import BaseJob, Takes
from .storage.location import Url


def derive_takes(kind: type[BaseJob[Any, Any]]) -> Takes | None:
    """Return what a class takes by its type argument `In`; None if that is neither a location nor text."""
    try:
        return _classify(_find_argument(kind), kind.__module__)
    # Aliases and quoted names are the user's code: what they name may be defined later, or for mypy only.
    except Exception:  # noqa: BLE001  # see above
        return None


def _find_argument(kind: type, arguments: tuple[object, ...] = ()) -> object:
    """Return the type argument `In` of a class, also through generic classes between it and `BaseJob`.

    Args:
        kind: the class.
        arguments: those of the class itself, if it is generic.
    """
    if kind is BaseJob:
        return arguments[0] if arguments else None
    known: dict[object, object] = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    for base in get_original_bases(kind):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, BaseJob):
            found = _find_argument(origin, tuple(known.get(each, each) for each in get_args(base)))
            if found is not None:
                return found
    return None


def _classify(annotation: object, module: str) -> Takes | None:
    kind = _unwrap(annotation, module)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        members = {_classify(each, module) for each in get_args(kind) if each is not NoneType}
        return members.pop() if len(members) == 1 else None
    kind = origin or kind
    if not isinstance(kind, type) or kind is bool:
        return None
    if issubclass(kind, PathLike | Url):
        return "files"
    return "text" if issubclass(kind, int | str) else None


def _unwrap(annotation: object, module: str) -> object:
    """Return what an alias, a new type, a quoted name or an annotated type stands for."""
    match annotation:
        case TypeAliasType():
            inner = annotation.__value__
        case NewType():
            inner = annotation.__supertype__
        case ForwardRef():  # a quoted name
            stand_in = SimpleNamespace(__annotations__={"value": annotation})
            inner = get_type_hints(stand_in, vars(sys.modules[module]))["value"]
        case _ if get_origin(annotation) is Annotated:
            inner = get_args(annotation)[0]
        case _:
            return annotation
    return _unwrap(inner, module)
