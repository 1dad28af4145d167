"""Parameters of a pipeline, as a table for a person."""

from typing import TYPE_CHECKING

import click

from pipeline_jobs.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_orchestration.settings.parameter_schema import Parameter  # imports Pydantic, 0.1 s

_HEAD = ("parameter", "type", "default", "set by", "description")


def print_parameters(parameters: "Sequence[Parameter]") -> None:
    """Print a row for each parameter."""
    rows = [_HEAD, *map(_make_row, parameters)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    click.echo("Parameters:")
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo(f"  {'  '.join(cells)}".rstrip())


def _make_row(parameter: "Parameter") -> tuple[str, ...]:
    # A secret is given in no other way.
    source = parameter.variable if parameter.is_secret else f"--param {parameter.name}"
    cells = (parameter.name, parameter.type_name, parameter.default, source, parameter.description)
    return tuple(map(escape, cells))
