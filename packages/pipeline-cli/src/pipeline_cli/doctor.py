"""What `pipeline doctor` finds, as a table for a person or as JSON for a program."""

import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline_jobs import Finding, shown
from pipeline_orchestration import diagnose

_PACKAGES = ("pipeline-cli", "pipeline-orchestration", "pipeline-db", "pipeline-jobs")
_LIBRARIES = ("click", "rich", "peewee", "psycopg", "msgspec", "pydantic", "tenacity")
# Data that is lost; what no run can do without; what an option of a run gets around.
_WORST_FIRST = ("corrupt", "database", "output", "orchestration", "usage")
_UNBROKEN = 10_000  # columns: a program, or a person with grep, wants a finding on its line


def examine(options: Mapping[str, object]) -> list[Finding]:
    """Examine what is installed, and all that a run with these options would depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    return [
        Finding("Python", f"{python}, on {platform.system()} {platform.machine()}"),
        Finding("packages", _versions(_PACKAGES)),
        Finding("libraries", _versions(_LIBRARIES)),
        *diagnose(**options),
    ]


def worst(findings: Iterable[Finding]) -> str | None:
    """Return the code of the worst error, of equals the first; None where there is no error."""
    codes = [finding.error.code for finding in findings if finding.error]
    return min(codes, key=lambda code: _WORST_FIRST.index(code.partition(".")[0]), default=None)


def as_table(findings: Sequence[Finding]) -> None:
    """Print a row for each finding, below it what is wrong or worth doing, and how many there are of each."""
    seen = sys.stdout.isatty()
    console = Console(width=None if seen else _UNBROKEN, highlight=False)
    with console.capture() as captured:
        console.print(_table(findings))
    lines = captured.get().splitlines()
    click.echo("\n".join(lines if seen else map(str.rstrip, lines)))
    problems = sum(each.error is not None for each in findings)
    hints = sum(each.hint is not None and each.error is None for each in findings)
    fine = len(findings) - hints - problems
    click.echo(f"{len(findings)} findings: {fine} ok, {hints} worth a thought, {problems} to mend")


def as_json(findings: Sequence[Finding]) -> None:
    """Print one JSON document with everything that was found."""
    code = worst(findings)
    document = {"success": code is None, "worst": code, "findings": [_plain(each) for each in findings]}
    click.echo(json.dumps(document, indent=2))


def _table(findings: Iterable[Finding]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = ("problem", "bold red") if finding.error else ("hint", "yellow")
        if not finding.error and not finding.hint:
            mark, style = "ok", "green"
        # As texts: in a string, [code] would be markup.
        table.add_row(Text(mark, style), Text(shown(finding.what)), _text(finding, style))
    return table


def _text(finding: Finding, style: str) -> Text:
    text = Text(shown(finding.found))
    if finding.error:
        text.append(f"\n{shown(str(finding.error))} [{finding.error.code}]", style)
    if finding.hint:
        text.append(f"\n{shown(finding.hint)}", style)
    return text


def _plain(finding: Finding) -> dict[str, object]:
    error = finding.error
    return {
        "what": finding.what,
        "found": shown(finding.found),
        "hint": finding.hint and shown(finding.hint),
        "error": error and {"code": error.code, "message": shown(str(error)), "retriable": error.retriable},
    }


def _versions(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
