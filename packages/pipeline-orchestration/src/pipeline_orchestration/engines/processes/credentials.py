"""Secrets for other processes: the database password and secret parameters.

Processes that we start have them in their environment. They are never in what a process is sent.
"""

import base64
import copy
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline_orchestration.exceptions import UsageError
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.settings.sources import FoundValue, read_parameters_from_environment

if TYPE_CHECKING:
    from pipeline_orchestration.settings.parameters import Parameters

_DB_URL = "PIPELINE_DB_URL"
_PARAMETERS = "PIPELINE_SECRET_PARAMETERS"
"""Environment variable of the secret parameters, pickled: they are validated, and their texts are not."""


def get_secret_variables(spec: RunSpec) -> dict[str, str]:
    """Return the environment variables that give a new process the secrets of a run, if there are any."""
    url = spec.config.db_url
    variables = {_DB_URL: url.with_password} if url and url.has_password else {}
    if spec.params is not None:
        from pipeline_orchestration.settings.parameters import Parameters  # noqa: PLC0415  # imports Pydantic, 0.1 s

        if secrets := _find_secrets(Parameters(type(spec.params)), spec.params):
            import cloudpickle  # noqa: PLC0415  # 0.03 s to import, for runs in several processes only

            variables[_PARAMETERS] = base64.b64encode(cloudpickle.dumps(secrets)).decode()
    return variables


@contextmanager
def export_secrets(spec: RunSpec) -> Iterator[None]:
    """Give the secrets of a run to every process that is started within the block."""
    variables = get_secret_variables(spec)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def strip_secrets(params: object) -> tuple[object, tuple[str, ...]]:
    """Return a copy of parameters without the secrets, and the names of those that were taken out."""
    from pipeline_orchestration.settings.parameters import Parameters  # noqa: PLC0415  # see above

    parameters = Parameters(type(params))
    secrets = tuple(_find_secrets(parameters, params))
    if not secrets:
        return params, ()
    stripped = copy.copy(params)
    _set_fields(parameters, stripped, dict.fromkeys(secrets))
    attributes = getattr(stripped, "__dict__", {})
    for name in list(attributes):
        if isinstance(getattr(type(stripped), name, None), cached_property):
            del attributes[name]  # it may be made of a secret, and is made again
    return stripped, secrets


def restore_secrets(parameters: "Parameters", stripped: object, names: tuple[str, ...]) -> object:
    """Put the secrets back into what `strip_secrets` returned, in another process.

    A process that we have started has them. A worker of somebody else's cluster needs their variables.

    Raises:
        UsageError: ``usage.params``: a variable is missing here, or its value is invalid.
    """
    if names:
        held = os.environ.get(_PARAMETERS)
        secrets = pickle.loads(base64.b64decode(held)) if held else {}  # noqa: S301  # from the parent of this process
        if not secrets.keys() >= set(names):
            secrets = _read_secrets(parameters, stripped, names)
        _set_fields(parameters, stripped, {name: secrets[name] for name in names})
    return stripped


def _find_secrets(parameters: "Parameters", params: object) -> dict[str, object]:
    secret = [each for each in parameters.schema.parameters if each.is_secret]
    values = {each.name: getattr(params, each.field, None) for each in secret}
    return {name: value for name, value in values.items() if value is not None}


def _set_fields(parameters: "Parameters", params: object, values: dict[str, object]) -> None:
    for name, value in values.items():
        object.__setattr__(params, parameters.by_name[name].field, value)  # its class may be frozen


def _read_secrets(parameters: "Parameters", stripped: object, names: tuple[str, ...]) -> dict[str, object]:
    """Read secrets from their variables, and validate them beside the other parameters, which are known."""
    environment = read_parameters_from_environment(
        {name: parameters.by_name[name].variable for name in names}
    )
    if missing := [name for name in names if name not in environment]:
        variables = ", ".join(parameters.by_name[name].variable for name in missing)
        text = f"{', '.join(missing)}: missing on this worker; set {variables} in its environment"
        raise UsageError("usage.params", text)
    known = {
        each.name: FoundValue(getattr(stripped, each.field), "run")
        for each in parameters.schema.parameters
        if not each.is_secret
    }
    params, faults = parameters.validate(known | environment)
    if faults:
        raise UsageError("usage.params", faults[0].text)
    return {name: getattr(params, parameters.by_name[name].field) for name in names}
