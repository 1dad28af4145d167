"""Places that settings come from: an argument wins over the environment, and that over a settings file."""

import logging
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from operator import methodcaller
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pipeline_jobs.escaping import escape
from pipeline_orchestration.exceptions import UsageError

from .file_trust import explain_distrust, make_refusal

TEXT_PIPELINE = "pipeline_orchestration.text_pipeline:pipeline"
"""Address of the default pipeline."""

_ALTERNATIVES = frozenset({"db_path", "db_url"})
"""Settings that replace each other: the place with the highest rank that gives one of them decides."""

_FILES = ((Path("pyproject.toml"), ("tool", "pipeline")), (Path("pipeline.toml"), ()))
"""Settings files, the lowest rank first, each with the keys of the table that holds the settings."""

MAX_FILE_BYTES = 1 << 20
"""Bytes of a settings file at most."""
_MAX_KEY_PARTS = 20
"""Parts of a dotted key: the standard library takes memory with the square of their number."""
# Strings and comments. One without an end goes on to the end, so that it is looked at once.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MAX_KEY_PARTS}}}")

NO_FILES = "no_settings_files"
"""The setting that leaves out all settings files."""

SETTINGS_FILES = frozenset({str(path) for path, _ in _FILES})
"""Names of the settings files, as they stand for the places of values."""

VARIABLE_PREFIX = "PIPELINE_"
"""Begins the name of every environment variable; the setting's name in capitals follows."""

PARAMETER_PREFIX = f"{VARIABLE_PREFIX}PARAM_"
"""The same for the parameters of a definition."""

_PARAMETERS = "params"
"""Table of a settings file that holds the parameters of the definition."""


NAMED = {
    "pipeline": "pipeline",
    "output_dir": "output folder",
    "db_path": "database",
    "db_url": "database",
    "dask_address": "Dask cluster",
    "ray_address": "Ray cluster",
}
"""Settings that are logged where a settings file gives them: what they name gets records or passwords, or is
code."""

_YES = ("true", "1", "yes", "on")
_NO = ("false", "0", "no", "off")

_log = logging.getLogger(__name__)


class FoundValue(NamedTuple):
    """A value that is not parsed yet, and the place it was found in, in words."""

    value: object
    place: str


def gather_settings(names: Iterable[str], arguments: Mapping[str, object]) -> dict[str, FoundValue]:
    """Return each setting that is given anywhere, from the place with the highest rank.

    In the environment, only `names` are looked for, as other programs use the prefix too. Of a settings file,
    unknown keys are returned as well.

    Raises:
        UsageError: ``usage.setting``: a settings file cannot be read.
    """
    found: dict[str, FoundValue] = {}
    if (leaves_out := arguments.get(NO_FILES)) is None:
        leaves_out = os.environ.get(f"{VARIABLE_PREFIX}{NO_FILES.upper()}")
    for path, keys in () if leaves_out and _is_yes(leaves_out) else _FILES:
        table = _read_table(path, keys)
        if isinstance(table.get(_PARAMETERS), dict):
            table = {name: value for name, value in table.items() if name != _PARAMETERS}
        _override(found, {name: FoundValue(value, str(path)) for name, value in table.items()})
    environment = {
        name: FoundValue(text, f"environment variable {variable}")
        for name in names
        if (text := os.environ.get(variable := f"{VARIABLE_PREFIX}{name.upper()}"))
    }
    _override(found, environment)
    given = {name: FoundValue(value, "argument") for name, value in arguments.items() if value is not None}
    _override(found, given)
    return found


def _is_yes(value: object) -> bool:
    """Return whether a flag is set; one that is neither yes nor no is reported with all other settings."""
    with suppress(ValueError):
        return parse_flag(value)
    return True


def parse_flag(value: object) -> bool:
    """Return whether a flag is set.

    Raises:
        ValueError: the value is neither yes nor no.
    """
    word = str(value).casefold()
    if word not in (*_YES, *_NO):
        raise ValueError(f"expected yes or no, got {value!r}")
    return word in _YES


def read_parameters_from_files() -> dict[str, FoundValue]:
    """Return the parameters that the settings files give, also those that the definition does not have.

    Raises:
        UsageError: ``usage.setting``: a settings file cannot be read.
    """
    return {
        name: FoundValue(value, str(path))
        for path, keys in _FILES
        for name, value in _read_table(path, (*keys, _PARAMETERS)).items()
    }


def read_parameters_from_environment(variables: Mapping[str, str]) -> dict[str, FoundValue]:
    """Return the parameters that the environment gives; `variables` has the variable of each name.

    As for settings, an empty variable gives nothing.
    """
    return {
        name: FoundValue(text, f"environment variable {variable}")
        for name, variable in variables.items()
        if (text := os.environ.get(variable))
    }


def resolve_pipeline_address(argument: str | None, no_settings_files: object = None) -> str:
    """Return the address of the pipeline to run; quicker than gathering all settings."""
    arguments = {"pipeline": argument, NO_FILES: no_settings_files}
    found = gather_settings(["pipeline"], arguments).get("pipeline")
    if found and found.place in SETTINGS_FILES:
        log_named("pipeline", found.place, found.value)
    return str(found.value) if found else TEXT_PIPELINE


def log_named(name: str, place: str, value: object) -> None:
    """Log one of the settings of `NAMED` that a settings file gives."""
    _log.info("%s names the %s: %s", place, NAMED[name], getattr(value, "shown", value))


def _override(found: dict[str, FoundValue], values: Mapping[str, FoundValue]) -> None:
    """Add the values of a place that has a higher rank than those before it."""
    if _ALTERNATIVES & values.keys():
        for name in _ALTERNATIVES:
            found.pop(name, None)
    found.update(values)


def _read_table(path: Path, keys: tuple[str, ...]) -> Mapping[str, object]:
    """Read a table of a TOML file; a missing file or table is empty."""
    if not os.path.lexists(path):
        return {}
    try:
        with _open_regular(path) as file:
            table: object = _parse_toml(file)
            distrust = explain_distrust(path, file.fileno())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError("usage.setting", f"{escape(path.absolute())}: cannot be read: {error}") from error
    for key in keys:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    if distrust and table:
        raise UsageError("usage.setting", f"{escape(path.absolute())}: {make_refusal(distrust)}")
    return table if isinstance(table, dict) else {}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, which somebody else may have put there: it takes no time and little memory.

    Raises:
        OSError: it is missing, or cannot be read.
        ValueError: it is no regular file, no TOML in UTF-8, has more than a mebibyte, or is nested too deep.
    """
    with _open_regular(path) as file:
        return _parse_toml(file)


def _open_regular(path: Path) -> BinaryIO:
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  # Path.open has no opener; the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is no regular file")
    return file


def _parse_toml(file: BinaryIO) -> dict[str, Any]:
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
    text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    most_dots = max(map(methodcaller("count", "."), text.split("\n")))
    # A quoted part, or another string, is one letter.
    if most_dots >= _MAX_KEY_PARTS and _LONG_KEY.search(_STRING.sub("_", text)):
        raise ValueError(f"a key has more than {_MAX_KEY_PARTS} parts")
    import tomllib  # noqa: PLC0415  # 3 ms to import, and most folders have no such file

    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a FIFO, and without taking a terminal."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
