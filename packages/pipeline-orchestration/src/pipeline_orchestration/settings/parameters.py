"""Parameters of a definition: declared by a typed class, filled from every place that may give a value.

Only definitions that have parameters import this module, as Pydantic takes 0.1 s to import.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, RootModel, TypeAdapter

from pipeline_jobs.escaping import escape, get_text
from pipeline_orchestration.exceptions import UsageError

from .parameter_schema import read_schema, to_text
from .sources import FoundValue, read_parameters_from_environment, read_parameters_from_files
from .validation import ParameterFault, describe_errors, parse_json, raise_faults, validate


class GatheredParameters(NamedTuple):
    """Parameters from all places, and what is wrong with them.

    Args:
        params: an instance of the class; None if something is wrong.
        values: what is given, by name, not parsed.
        places: the place of each value that is given, in words.
        faults: what is wrong.
    """

    params: object
    values: Mapping[str, object]
    places: Mapping[str, str]
    faults: list[ParameterFault]


class Parameters:
    """The parameters of a definition.

    Args:
        kind: a Pydantic model or a dataclass.

    Raises:
        UsageError: ``usage.params``: it is neither, or has a field without a JSON schema.
    """

    def __init__(self, kind: type) -> None:
        if not _has_fields(kind):
            got = getattr(kind, "__name__", f"a value of type {type(kind).__name__}")
            text = f"params is {got}, expected a class: a pydantic model or a dataclass"
            raise UsageError("usage.params", text)
        self.kind = kind
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
            self.schema = read_schema(kind, self._adapter)
        except Exception as error:  # it evaluates the user's annotations
            reason = get_text(error).partition("\n")[0]
            raise UsageError("usage.params", f"params {kind.__name__} cannot be used: {reason}") from error
        self.by_name = {each.name: each for each in self.schema.parameters}

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind,)

    def fill(self, given: object = None, *, no_settings_files: bool = False) -> object:
        """Return an instance of the class, filled from all places.

        Args:
            given: a mapping, whose values have the highest rank; or an instance, which is returned as it is.
            no_settings_files: leave out the settings files.

        Raises:
            UsageError: ``usage.params``, naming everything that is wrong; or a settings file cannot be read.
        """
        gathered = self.gather(given, no_settings_files=no_settings_files)
        raise_faults(gathered.faults)
        return gathered.params

    def gather(self, given: object = None, *, no_settings_files: bool = False) -> GatheredParameters:
        """Fill the parameters from all places, and return the faults instead of raising them.

        Args:
            given: as for `fill`. A `FoundValue` in a mapping comes from outside of this program, where no
                secret may be.
            no_settings_files: leave out the settings files.

        Raises:
            UsageError: `given` is no mapping and no instance, or a settings file cannot be read.
        """
        if isinstance(given, self.kind):
            values = self._get_given_values(given)
            return GatheredParameters(given, values, dict.fromkeys(values, "argument"), [])
        if not isinstance(given, Mapping | None):
            text = f"params is a value of type {type(given).__name__}"
            expected = f"a mapping or an instance of {self.kind.__name__}"
            raise UsageError("usage.params", f"{text}, expected {expected}")
        outside = {} if no_settings_files else read_parameters_from_files()
        environment = read_parameters_from_environment(
            {name: each.variable for name, each in self.by_name.items()}
        )
        arguments: dict[str, FoundValue] = {}
        for name, value in (given or {}).items():
            if isinstance(value, FoundValue):
                outside[name] = arguments[name] = value
            else:
                arguments[name] = FoundValue(value, "argument")
        merged = outside | environment | arguments
        found = {name: merged[name] for name in self.by_name if name in merged}
        params, faults = self.validate(found)
        faults = [
            *self._find_misplaced_secrets(outside),
            *self._find_unknown(outside | arguments),
            *faults,
        ]
        return GatheredParameters(
            None if faults else params,
            {name: each.value for name, each in found.items()},
            {name: each.place for name, each in found.items()},
            faults,
        )

    def validate(self, found: Mapping[str, FoundValue]) -> tuple[object, list[ParameterFault]]:
        """Return an instance made of values, or None and what is wrong with them."""
        params, errors = validate(self._adapter, {name: each.value for name, each in found.items()})
        faults = describe_errors(
            errors, found, self.by_name, has_secret_default=self.schema.has_secret_default
        )
        return params, list(faults)

    def make_defaults(
        self, given: object = None, *, is_complete: bool, no_settings_files: bool = False
    ) -> dict[str, object]:
        """Return what is given here, as the defaults of a deployment: JSON values by name, without secrets.

        Args:
            given: as for `fill`.
            is_complete: refuse parameters that are missing; secrets are missing until it runs.
            no_settings_files: leave out the settings files.

        Raises:
            UsageError: as `fill`.
        """
        gathered = self.gather(given, no_settings_files=no_settings_files)
        raise_faults(
            [
                each
                for each in gathered.faults
                if each.missing is None or (is_complete and not each.missing.is_secret)
            ]
        )
        return self._to_json(gathered.values)

    def show(self, params: object) -> dict[str, object]:
        """Return the values of an instance as JSON has them, by name, without secrets."""
        return self._to_json({name: getattr(params, each.field, None) for name, each in self.by_name.items()})

    def list_arguments(self, params: object) -> list[str]:
        """Return the values of an instance that are no defaults, as ``--param`` takes them; no secrets."""
        return [
            f"{name}={to_text(value)}"
            for name, value in self.show(params).items()
            if value != self.by_name[name].schema.get("default")
        ]

    def _get_given_values(self, params: object) -> dict[str, object]:
        """Return the values that an instance was made with; of a dataclass, all of them."""
        given = params.model_fields_set if isinstance(params, BaseModel) else None
        return {
            name: getattr(params, each.field)
            for name, each in self.by_name.items()
            if given is None or each.field in given
        }

    def _to_json(self, values: Mapping[str, object]) -> dict[str, object]:
        hints: dict[str, Any] = {}
        with suppress(Exception):  # it evaluates the user's annotations
            hints = get_type_hints(self.kind, include_extras=True)
        return {
            name: _to_json(values[name], hints.get(each.field, Any))
            for name, each in self.by_name.items()
            if name in values and not each.is_secret
        }

    def _find_misplaced_secrets(self, outside: Mapping[str, FoundValue]) -> Iterator[ParameterFault]:
        for name, (_, place) in outside.items():
            if name in self.by_name and self.by_name[name].is_secret:
                text = f"{name} ({place}): a secret comes from the environment only"
                hint = f"set {self.by_name[name].variable} and remove it from here"
                yield ParameterFault(f"{text}: {hint}")

    def _find_unknown(self, found: Mapping[str, FoundValue]) -> Iterator[ParameterFault]:
        for name, (_, place) in found.items():
            if name not in self.by_name:
                close = get_close_matches(str(name), self.by_name, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(self.by_name)}"
                yield ParameterFault(f"{escape(str(name))} ({place}): unknown parameter, {hint}")


def _has_fields(kind: object) -> bool:
    if not isinstance(kind, type):
        return False
    return is_dataclass(kind) or (issubclass(kind, BaseModel) and not issubclass(kind, RootModel))


def _to_json(value: object, hint: Any) -> object:  # noqa: ANN401  # any type of the user's
    """Return a value, parsed by the type of its field, as JSON has it; as text if it has no JSON form."""
    for kind in (hint, Any):
        for each in (value, *parse_json(value)):
            with suppress(Exception):  # the type, its validators and serializers are the user's
                adapter: TypeAdapter[Any] = TypeAdapter(kind)
                return json.loads(adapter.dump_json(adapter.validate_python(each)))
    return get_text(value)
