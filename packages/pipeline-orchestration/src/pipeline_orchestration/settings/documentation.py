"""Documentation of the settings: the README's table, and the parameters of the Prefect flow."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Optional

from .config import SETTINGS, Setting


def render_settings_table() -> str:
    """Return the table of all settings as Markdown, as it stands in the README."""
    rows = [("setting", "environment variable", "default", "meaning"), ("---", "---", "---", "---")]
    rows += [
        (f"`{each.name}`", f"`{each.variable}`", _render_default(each), _describe(each)) for each in SETTINGS
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def add_flow_parameters[Function: Callable[..., object]](function: Function) -> Function:
    """Give a function that takes ``**settings`` a parameter for each setting of a flow run instead.

    Each parameter has a type that JSON knows, or a `Literal` of the choices. Its default None means that the
    setting comes from the environment or the settings files of where the flow runs.

    Apply it below Prefect's ``@flow``, which reads signature and docstring. The docstring has to end with
    the section ``Args:``, to which the descriptions are added.
    """
    settings = [setting for setting in SETTINGS if setting.in_flow]
    parameters = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotate(each))
        for each in settings
    ]
    signature = inspect.signature(function)
    *own, _settings = signature.parameters.values()
    # As `inspect.signature` documents, this attribute is what it returns.
    function.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
    lines = [f"    {each.name}: {_describe(each)}" for each in settings]
    function.__doc__ = "\n".join([inspect.cleandoc(function.__doc__ or ""), *lines])
    return function


def _annotate(setting: Setting) -> object:
    if setting.choices:
        return Optional[Literal[tuple(choice.value for choice in setting.choices)]]  # noqa: UP045
    return Optional[setting.kind]  # noqa: UP045


def _describe(setting: Setting) -> str:
    return f"{setting.help} {setting.details}".strip()


def _render_default(setting: Setting) -> str:
    match setting.default:
        case False:
            return "no"
        case None:
            return "none"
        case Path():
            return f"`./{setting.default}`"
        case float():
            return f"`{setting.default:g}`"
    return f"`{setting.default}`"
