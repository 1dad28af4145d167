"""Commands that a person is told after a run: the one that resumes it, and the one that shows its rejects."""

import glob
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs import InputError, Url, parse_location
from pipeline_jobs.storage.location import WEB, is_url
from pipeline_orchestration.inputs import STDIN_WORD
from pipeline_orchestration.settings.config import SETTINGS

if TYPE_CHECKING:
    from pipeline_orchestration.definition import PipelineDefinition
    from pipeline_orchestration.results import RunResult

GLOBAL_OPTIONS = tuple([setting.name for setting in SETTINGS if setting.before_command])
"""Options that stand before the command."""

_OF_DATABASE = ("db_path", "db_url", "no_settings_files")  # those that find it

# Refused again, however often the command is run: another input or another option is needed.
_PERMANENT = ("input.", "batch.", "usage.")
# What an option names is not what it should be. If it is a default, that can be moved away.
_NEEDS_ANOTHER_OPTION = {
    "database.foreign": ("db_path", "db_url"),
    "database.no_schema": ("db_url",),
    "database.not_a_database": ("db_path",),
    "database.not_a_file": ("db_path",),
    "output.read_only": ("output_dir",),
}
_NEEDS_A_MENDED_JOB = ("internal.", "job.exit", "job.output")
# Of an error of any other kind, a job of one's own, it says itself whether the same command may succeed.
_KNOWN = ("corrupt.", "database.", "internal.", "job.", "orchestration.", "output.")
_OF_MANY_INPUTS = ("concurrency",)  # left out: the command resumes a single input
_LONGEST_WORD = 4000  # characters; nobody copies a longer command from a terminal
_LARGEST_NUMBER = 2**100  # Python does not write out an integer of more than 4,300 digits


def build_resume_command(
    pipeline: "PipelineDefinition", result: "RunResult", given: Mapping[str, object], value: str | None
) -> str | None:
    """Return the command that runs the jobs a failure left undone; None if it would fail again.

    Args:
        pipeline: that was run.
        result: of the run that failed.
        given: options by name, as they were given.
        value: the input, as it was given; None if it cannot be given again.
    """
    if result.success or not result.jobs or result.last.job == pipeline.names[0]:
        return None
    code = str(result.code)
    is_hopeless = (
        code.startswith(_PERMANENT)
        or not code.startswith(_KNOWN)
        or any(given.get(name) for name in _NEEDS_ANOTHER_OPTION.get(code, ()))
    )
    if is_hopeless and not result.last.retriable:
        return None
    # If a job could not be built, no job has run, and the result holds only that one.
    has_run = len(result.jobs) > 1
    start_from, target = (
        (result.last.job, result.jobs[-2].output) if has_run else (given["start_from"], value)
    )
    behind = {name: value for name, value in given.items() if name not in (*GLOBAL_OPTIONS, *_OF_MANY_INPUTS)}
    try:
        word = _find_word(target)
        return None if word is None else build_run_command(given, behind | {"start_from": start_from}, word)
    except Exception:  # noqa: BLE001  # a class of an output is the user's code; an option may hold a lone surrogate
        return None


def build_run_command(given: Mapping[str, object], behind: Mapping[str, object], target: object) -> str:
    """Return a command that runs jobs on an input.

    Args:
        given: options by name; those that stand before the command are repeated, without a password.
        behind: options that stand behind it.
        target: the input.
    """
    before = _list_options(_hide_password({name: given.get(name) for name in GLOBAL_OPTIONS}))
    words = ["pipeline", *before, "run", *_list_options(behind)]
    words += ["--", str(target)] if str(target).startswith("-") else [str(target)]
    return " ".join(map(quote_for_shell, words))


def build_rejects_command(given: Mapping[str, object], batch: object) -> str:
    """Return the command that shows the rejected rows of a batch.

    Args:
        given: options by name; those that find the database are repeated, without a password.
        batch: its id, or the word that stands for one.
    """
    before = _list_options(_hide_password({name: given.get(name) for name in _OF_DATABASE}))
    return " ".join(map(quote_for_shell, ["pipeline", *before, "rejects", str(batch)]))


def introduce_command(result: "RunResult") -> str:
    """Return the words before the command that resumes a run after a failure.

    Only a bug needs a mended job: an ``OSError``, such as a refused connection, may be an outage.
    """
    is_bug = str(result.code).startswith(_NEEDS_A_MENDED_JOB)
    is_bug = is_bug and not isinstance(result.last.exception, MemoryError | OSError)
    return "To continue, after mending the job" if is_bug else "To continue"


def _find_word(target: object) -> str | None:
    """Return the word by which a command names an input; None if it would be read as anything else."""
    match target:
        case bool():
            return None
        case int():
            return int.__repr__(target) if abs(int(target)) < _LARGEST_NUMBER else None
        case str():
            word = str.__str__(target)  # of a member of an enumeration, its value
        case Path() | Url():
            word = str(target)
        case _:
            return None
    is_possible = len(word) <= _LONGEST_WORD and "\0" not in word
    names_one = _names_one_file if is_url(word) else _names_one_input
    return word if is_possible and names_one(word) else None


def _names_one_input(word: str) -> bool:
    """Return whether a command takes a word as it is: a folder or a pattern would be expanded."""
    if word == STDIN_WORD:
        return False
    if os.path.lexists(word):
        return os.path.isfile(word)  # noqa: PTH113  # text need not be a path
    # A folder ** is not tried, as it could stand for the whole disk.
    is_pattern = glob.has_magic(word) and (
        "**" in word.split("/") or any(map(os.path.isfile, glob.iglob(word)))  # noqa: PTH207  # see above
    )
    return not is_pattern


def _names_one_file(url: str) -> bool:
    """Return whether a command takes a URL as it is: it holds no password, and is no folder or pattern."""
    try:
        location = parse_location(url)
    except InputError:
        return False
    if isinstance(location, Path):
        return not location.is_dir()
    # In a URL of the web, ? begins the query and [ an IPv6 address.
    return "*" not in url if location.scheme in WEB else bool(location.name) and not glob.has_magic(url)


def _hide_password(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return options in which the URL of the database has no password."""
    if not options["db_url"]:
        return options
    from pipeline_db import DatabaseUrl  # noqa: PLC0415  # Peewee takes 0.05 s to import

    return {**options, "db_url": DatabaseUrl(str(options["db_url"]))}


def _list_options(given: Mapping[str, object]) -> list[str]:
    words = []
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] if value else []
            continue
        for each in value if isinstance(value, list | tuple) else (value,):
            words += [] if each is None else [flag, str(each)]
    return words


def quote_for_shell(word: str) -> str:
    """Quote a word for a shell; one that does not print becomes ``$'…'``, which bash, zsh and ksh read."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _escape_bytes(c) for c in escaped) + "'"


def _escape_bytes(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
