"""Diagnostics of the installation, and of everything a run depends on."""

import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

from pipeline_jobs import Finding
from pipeline_orchestration import diagnose

_PACKAGES = ("pipeline-cli", "pipeline-orchestration", "pipeline-db", "pipeline-jobs")
_LIBRARIES = ("click", "rich", "peewee", "psycopg", "msgspec", "pydantic", "tenacity")
# First lost data, then what every run needs, last what an option of a run can avoid.
_WORST_FIRST = ("corrupt", "database", "output", "orchestration", "usage")


def diagnose_installation(options: Mapping[str, object], params: Mapping[str, object]) -> list[Finding]:
    """Examine what is installed, and everything that a run with these options would depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    return [
        Finding("Python", f"{python}, on {platform.system()} {platform.machine()}"),
        Finding("packages", _list_versions(_PACKAGES)),
        Finding("libraries", _list_versions(_LIBRARIES)),
        *diagnose(params=params, **options),
    ]


def find_worst_code(findings: Iterable[Finding]) -> str | None:
    """Return the code of the worst error, the first of equally bad ones; None if there is no error."""
    codes = [finding.error.code for finding in findings if finding.error]
    return min(codes, key=lambda code: _WORST_FIRST.index(code.partition(".")[0]), default=None)


def _list_versions(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {_get_version(name)}" for name in names)


def _get_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
