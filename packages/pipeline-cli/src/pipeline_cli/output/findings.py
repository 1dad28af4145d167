"""Findings of the diagnostics: a table for a person, JSON for a program."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline_cli.diagnostics import find_worst_code
from pipeline_cli.streams import begin_results, write_result
from pipeline_jobs import Finding
from pipeline_jobs.escaping import escape

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
_UNLIMITED = 10_000  # columns: a program, or a person with grep, wants each finding on one line


def print_table(findings: Sequence[Finding]) -> None:
    """Print a row for each finding, below it its error or its hint, and at the end the totals."""
    begin_results()
    is_terminal = sys.stdout.isatty()
    console = Console(width=None if is_terminal else _UNLIMITED, highlight=False)
    with console.capture() as captured:
        console.print(_make_table(findings))
    lines = captured.get().splitlines()
    click.echo("\n".join(lines if is_terminal else map(str.rstrip, lines)))
    counts = Counter(map(_grade, findings))
    warnings, errors = _count(counts["warning"], "warning"), _count(counts["error"], "error")
    click.echo(f"{_count(len(findings), 'finding')}: {counts['ok']} ok, {warnings}, {errors}")


def print_json(findings: Sequence[Finding]) -> None:
    """Print all findings as one JSON document."""
    code = find_worst_code(findings)
    document = {"success": code is None, "worst": code, "findings": [_to_json(each) for each in findings]}
    write_result(json.dumps(document, indent=2))


def _grade(finding: Finding) -> str:
    if finding.error:
        return "error"
    return "warning" if finding.hint else "ok"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _make_table(findings: Iterable[Finding]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        grade = _grade(finding)
        style = _STYLES[grade]
        # Text objects, because rich would read [code] in a string as markup.
        table.add_row(Text(grade, style), Text(escape(finding.what)), _make_cell(finding, style))
    return table


def _make_cell(finding: Finding, style: str) -> Text:
    text = Text(escape(finding.found))
    if finding.error:
        text.append(f"\n{escape(str(finding.error))} [{finding.error.code}]", style)
    if finding.hint:
        text.append(f"\n{escape(finding.hint)}", style)
    return text


def _to_json(finding: Finding) -> dict[str, object]:
    error = finding.error
    return {
        "what": finding.what,
        "found": escape(finding.found),
        "hint": finding.hint and escape(finding.hint),
        "error": error and {"code": error.code, "message": escape(str(error)), "retriable": error.retriable},
    }
