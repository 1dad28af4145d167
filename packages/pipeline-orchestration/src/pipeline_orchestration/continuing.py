"""The command that goes on where a run failed."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs import Url

if TYPE_CHECKING:
    from .definition import PipelineDefinition
    from .result import RunResult

_FOR_GOOD = ("input.", "batch.", "usage.")  # refused again, however often it is run
_OF_MANY = ("concurrency",)  # what continues is one input
_GLOBAL = ("log_level", "output_dir", "db_path", "db_url", "engine", "pipeline")


def continue_with(
    pipeline: "PipelineDefinition", result: "RunResult", given: Mapping[str, object], value: str
) -> str | None:
    """Return the command that runs what a failure left undone; None where it is the input that has to change.

    Args:
        pipeline: that was run.
        result: of the run that failed.
        given: options by name, as they were given.
        value: the input, as it was given.
    """
    if result.success or not result.jobs or result.last.job == pipeline.names[0]:
        return None
    if str(result.code).startswith(_FOR_GOOD) and not result.last.retriable:
        return None
    # Where a job could not be built, none has run, however many come before it.
    ran = len(result.jobs) > 1
    start_from, target = (result.last.job, result.jobs[-2].output) if ran else (given["start_from"], value)
    if not isinstance(target, str | int | Path | Url):
        return None
    known = {name: given.get(name) for name in _GLOBAL}
    if known["db_url"]:
        from pipeline_db import DatabaseUrl  # noqa: PLC0415  # Peewee takes 0.05 s to import

        known["db_url"] = DatabaseUrl(str(known["db_url"]))  # whose text is without the password
    words = ["pipeline", *_options(known), "run"]
    rest = {name: value for name, value in given.items() if name not in (*_GLOBAL, *_OF_MANY)}
    words += _options(rest | {"start_from": start_from})
    words += ["--", str(target)] if str(target).startswith("-") else [str(target)]
    return " ".join(map(quoted, words))


def _options(given: Mapping[str, object]) -> list[str]:
    words = []
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def quoted(word: str) -> str:
    """Quote for a shell; what does not print, as bash, zsh and ksh read it in $'…'."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _octets(c) for c in escaped) + "'"


def _octets(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
