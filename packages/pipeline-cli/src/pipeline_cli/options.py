"""Options of the command line, and advice for one on the wrong side of the command."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from pipeline_orchestration.settings.config import SETTINGS, LogLevel
from pipeline_orchestration.settings.sources import FoundValue

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_files(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Let the shell complete the name of a file."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415  # for completion only

    return [CompletionItem(incomplete, type="file")]


def make_option(
    name: str, help_text: str, kind: type[str | int | float | StrEnum] = str, metavar: str | None = None
) -> click.Option:
    """Make an option that takes a value.

    Args:
        name: of the argument that it fills; ``db_path`` makes the option ``--db-path``.
        help_text: of the option.
        kind: type of its value; an enumeration gives the choices.
        metavar: stands for the value in the help.
    """
    value_type: object = kind
    if issubclass(kind, StrEnum):
        # Levels are upper case, but most people type them in lower case.
        choices = [each.value for each in kind]
        value_type = click.Choice(choices, case_sensitive=kind is not LogLevel)
        metavar = f"[{'|'.join(choices)}]"  # Click would show those of LogLevel in lower case
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        return click.Option([flag], is_flag=True, default=None, flag_value=True, type=bool, help=help_text)
    complete = complete_files if metavar in ("PATH", "REF") else None
    return click.Option([flag], type=value_type, metavar=metavar, help=help_text, shell_complete=complete)


_SETTINGS = {
    setting: make_option(setting.name, setting.help, setting.choices or setting.kind, setting.metavar)
    for setting in SETTINGS
}

GLOBAL_OPTIONS = [option for setting, option in _SETTINGS.items() if setting.before_command]
"""Settings that stand before the command."""

SETTINGS_OPTIONS = [option for setting, option in _SETTINGS.items() if not setting.before_command]
"""Settings that stand behind the command."""

RANGE_OPTIONS = [
    make_option("start_from", "Job name to start from."),
    make_option("stop_after", "Job name to stop after."),
]
"""The first and the last job to run."""

PARAM_OPTION = click.Option(
    ["--param", "param"],
    metavar="NAME=VALUE",
    multiple=True,
    help="Parameter of the pipeline, see list-jobs; may be repeated.",
)
"""Parameters of the pipeline's definition."""

SCHEDULE_OPTIONS = [
    make_option("cron", "Schedule as a cron expression, e.g. '0 2 * * *'.", metavar="EXPRESSION"),
    make_option("interval", "Seconds from one scheduled run to the next.", float, "SECONDS"),
    make_option("timezone", "Time zone of the schedule, e.g. Europe/Vienna.", metavar="NAME"),
]
"""When a deployment runs."""


def parse_params(texts: Sequence[str]) -> dict[str, FoundValue]:
    """Return the parameters that `PARAM_OPTION` gives; of a name that is repeated, the last one counts."""
    params = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            # The text is not repeated: it may be a secret.
            raise click.BadParameter("expected NAME=VALUE.", param_hint="'--param'")
        params[name] = FoundValue(value, "option --param")
    return params


def explain_misplaced_option(error: click.UsageError, arguments: Sequence[str]) -> str | None:
    """Return where an option belongs that stands on the wrong side of the command.

    Args:
        error: that Click raised.
        arguments: of the whole command line.

    Returns:
        None if the error is another one, or the option is unknown on both sides.
    """
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return None
    name, root = error.option_name, error.ctx.find_root()
    if not isinstance(root.command, click.Group):
        return None
    if error.ctx is not root:
        if (option := _find_option(root.command, name)) is None:
            return None
        use = f"pipeline {_format_use(option, name, arguments)} {error.ctx.info_name} ..."
        return f"{name} is a global option: write it before the command: {use}"
    commands = root.command.commands
    takers = {each: option for each in commands if (option := _find_option(commands[each], name))}
    if not takers:
        return None
    named = next((word for word in arguments if word in commands), None)
    example = named if named in takers else next(iter(takers))
    owners = example if named in takers else ", ".join(takers)
    use = f"pipeline {example} {_format_use(takers[example], name, arguments)} ..."
    return f"{name} is an option of {owners}: write it after the command: {use}"


def _find_option(command: click.Command, name: str) -> click.Option | None:
    options = (each for each in command.params if isinstance(each, click.Option))
    return next((option for option in options if name in option.opts), None)


def _format_use(option: click.Option, name: str, arguments: Sequence[str]) -> str:
    """Return an option with the given value if that is one of its choices; any other may hold a password."""
    if option.is_flag:
        return name
    given = dict(pairwise(arguments)) | dict(word.split("=", 1) for word in arguments if "=" in word)
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    placeholder = option.metavar or option.type.name.upper()
    return f"{name} {given[name] if given.get(name) in choices else placeholder}"
