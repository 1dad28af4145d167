"""Validation of parameters by their class, and messages about what is wrong; none repeats a secret."""

import json
import os
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, get_args

from pydantic import SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from pipeline_jobs.escaping import escape, get_text
from pipeline_orchestration.exceptions import UsageError

from .parameter_schema import Parameter
from .sources import FoundValue

_MAX_FAULTS = 10  # named in a message
_NO_CONTAINER = frozenset(
    {"list_type", "tuple_type", "set_type", "dict_type", "model_type", "dataclass_type"}
)
"""Types of errors about text where a list or an object is expected."""
_FIXED_REASONS = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}
"""Types of errors whose words are Pydantic's own."""
_ALL = "all together"  # stands for the name where an error is about no single parameter
_HIDDEN = "refused, for a reason that is not shown because it"


class ParameterFault(NamedTuple):
    """A fault of a parameter, in words.

    Args:
        text: names the parameter and the place its value comes from; without a secret.
        missing: the parameter, if nothing gives it a value.
    """

    text: str
    missing: Parameter | None = None


def validate(adapter: TypeAdapter[Any], values: Mapping[str, object]) -> tuple[object, list[ErrorDetails]]:
    """Return an instance, or None and the errors; text that does not fit its field is tried as JSON.

    An exception of another kind, which a validator of the class raised, becomes an error of no field.
    """
    params, errors = _validate_as_given(adapter, values)
    failed = {each["loc"][0] for each in errors if each["loc"]}
    parsed = {name: each for name, value in values.items() if name in failed for each in parse_json(value)}
    if not parsed:
        return params, errors
    params, second = _validate_as_given(adapter, {**values, **parsed})
    # Where neither fits, the reason is that for the text; only lists and objects have to be JSON.
    as_text: set[int | str] = {name for name, value in parsed.items() if not isinstance(value, list | dict)}
    as_text &= {each["loc"][0] for each in second if each["loc"]}
    first = [each for each in errors if _is_about(each, as_text)]
    return params, first + [each for each in second if not _is_about(each, as_text)]


def parse_json(value: object) -> Iterator[object]:
    """Yield what a text is as JSON; nothing if it is none."""
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            yield json.loads(value)


def describe_errors(
    errors: list[ErrorDetails],
    found: Mapping[str, FoundValue],
    parameters: Mapping[str, Parameter],
    *,
    has_secret_default: bool = False,
) -> Iterator[ParameterFault]:
    """Yield the faults that errors of `validate` stand for.

    Args:
        errors: of the class.
        found: the values, with their places.
        parameters: of the class, by name.
        has_secret_default: whether a secret may come from a default, which is not known here: then nothing is
            shown that code of the class may have made of it.
    """
    secrets = {
        spelling
        for name, each in found.items()
        if parameters[name].is_secret
        for text in _list_texts(TypeAdapter(Any).dump_python(each.value))
        for spelling in _list_spellings(text)
    }
    for error in errors:
        name, *rest = map(str, error["loc"] or (_ALL,))
        parameter, is_missing = parameters.get(name), error["type"] == "missing"
        if is_missing and parameter and not rest:
            yield ParameterFault(f"{name}: missing, {_list_sources(parameter)}", parameter)
            continue
        known = name if parameter else _ALL  # another name may be made of a secret
        shown, reason, value = name, _get_reason(error), ""
        if parameter and not parameter.is_secret:
            shown = ".".join([name, *rest])
            if isinstance(error["input"], str) and error["type"] in _NO_CONTAINER:
                reason += " as JSON"
            value = "" if is_missing else _get_repr(error["input"])
        # All of the value is searched, as a part of a secret is left where it is cut.
        if any(secret in each for secret in secrets for each in (shown.removeprefix(known), reason, value)):
            shown, reason, value = known, f"{_HIDDEN} quotes a secret", ""
        elif has_secret_default:
            shown = shown if parameter else known
            reason = reason if error["type"] in _FIXED_REASONS else f"{_HIDDEN} may quote a secret"
            value = value if value in _list_reprs(found.get(name)) else ""
        place = f" ({found[name].place})" if name in found else ""
        got = f", got {reprlib.repr(error['input'])}" if value else ""
        yield ParameterFault(escape(f"{shown}{place}: {reason}{got}"))


def raise_faults(faults: list[ParameterFault]) -> None:
    """Raise one error for all faults.

    Raises:
        UsageError: ``usage.params``, if there are any.
    """
    texts = [each.text for each in faults]
    if len(texts) > _MAX_FAULTS:
        texts[_MAX_FAULTS:] = [f"and {len(texts) - _MAX_FAULTS} more"]
    if texts:
        raise UsageError("usage.params", "; ".join(texts))


def _validate_as_given(
    adapter: TypeAdapter[Any], values: Mapping[str, object]
) -> tuple[object, list[ErrorDetails]]:
    # The exceptions end here: their text and their notes may repeat a secret.
    try:
        return adapter.validate_python(values), []
    except ValidationError as error:
        return None, error.errors(include_url=False)
    except Exception as error:  # noqa: BLE001  # a validator is the user's code
        text = f"{type(error).__name__}: {get_text(error)}"
        return None, [ErrorDetails(type="exception", loc=(), msg=text, input=None)]


def _is_about(error: ErrorDetails, names: set[int | str]) -> bool:
    return bool(error["loc"]) and error["loc"][0] in names


def _get_reason(error: ErrorDetails) -> str:
    """Return the reason as part of a sentence; what a validator of the class says, as it is."""
    if error["type"] in ("value_error", "assertion_error"):
        return get_text(error["ctx"]["error"]) or "refused"
    message = error["msg"]
    return message if error["type"] == "exception" else message[:1].lower() + message[1:]


def _list_sources(parameter: Parameter) -> str:
    if parameter.is_secret:
        return f"set {parameter.variable}"
    places = f"--param {parameter.name}=…, {parameter.variable} or the table params of a settings file"
    return f"give it by {places}"


def _get_repr(value: object) -> str:
    """Return all of the repr of a value; nothing if that raises."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # a user's code; also an integer of too many digits
        return ""


def _list_reprs(given: FoundValue | None) -> list[str]:
    """Return the repr of a value as it is given, and as JSON."""
    return [_get_repr(each) for each in (given.value, *parse_json(given.value))] if given else []


def _list_spellings(secret: str) -> set[str]:
    """Return how a message may quote a secret: as it is, or stripped; or quoted in Python or JSON."""
    texts = {secret, secret.strip()} - {""}
    return {each for text in texts for each in (text, repr(text)[1:-1], json.dumps(text)[1:-1])}


def _list_texts(value: object) -> Iterator[str]:
    """Yield all texts in the value of a secret parameter, also those in its JSON."""
    match value:
        case SecretStr() | SecretBytes():
            yield from _list_texts(value.get_secret_value())
        case bytes():
            yield from _list_texts(os.fsdecode(value))
        case str() if value:
            yield value
            for parsed in parse_json(value):
                yield from _list_texts(parsed if isinstance(parsed, list | dict) else None)
        case dict():
            for each in value.values():
                yield from _list_texts(each)
        case list() | tuple() | set() | frozenset():
            for each in value:
                yield from _list_texts(each)
