"""Where settings come from: an argument wins over the environment, that over a file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline_jobs import shown

from .errors import UsageError

TEXT_PIPELINE = "pipeline_orchestration.text:pipeline"
"""The pipeline that is run unless another is named."""

_ALTERNATIVES = frozenset({"db_path", "db_url"})
"""Of these, a place that gives one makes up for another given in a place that counts less."""

_FILES = ((Path("pyproject.toml"), ("tool", "pipeline")), (Path("pipeline.toml"), ()))


class Given(NamedTuple):
    """A setting's value and the place it was given in."""

    value: object
    place: str


def gather(names: Iterable[str], arguments: Mapping[str, object]) -> dict[str, Given]:
    """Return each setting that is given anywhere, as the place that counts gives it.

    In the environment, only `names` are looked for: others use its prefix too. All that a file holds is
    returned.

    Raises:
        UsageError: ``usage.setting``: a file cannot be read.
    """
    found: dict[str, Given] = {}
    for path, keys in _FILES:
        _give(found, {name: Given(value, str(path)) for name, value in _table(path, keys).items()})
    variables = {name: f"PIPELINE_{name.upper()}" for name in names}
    environment = {
        name: Given(text, f"environment variable {variable}")
        for name, variable in variables.items()
        if (text := os.environ.get(variable))
    }
    _give(found, environment)
    _give(found, {name: Given(value, "argument") for name, value in arguments.items() if value is not None})
    return found


def _give(found: dict[str, Given], more: Mapping[str, Given]) -> None:
    """Add what a place gives that counts more than those before it."""
    if _ALTERNATIVES & more.keys():
        for name in _ALTERNATIVES:
            found.pop(name, None)
    found.update(more)


def pipeline_address(argument: str | None) -> str:
    """Return the address of the pipeline to run; quicker than gathering all settings."""
    given = gather(["pipeline"], {"pipeline": argument}).get("pipeline")
    return str(given.value) if given else TEXT_PIPELINE


def _table(path: Path, keys: tuple[str, ...]) -> Mapping[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        import tomllib  # noqa: PLC0415  # 3 ms to import, and most folders have neither file

        table: object = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise UsageError("usage.setting", f"{shown(path.absolute())}: cannot be read: {reason}") from error
    for key in keys:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    return table if isinstance(table, dict) else {}
