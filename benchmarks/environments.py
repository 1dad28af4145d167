"""Virtual environments of the competitors: their requirements and installed versions."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import postgres_server

OURS = "ours"
OURS_POSTGRES = "ours, with psycopg"  # apart from `ours`, as Peewee imports psycopg wherever it is installed
ROOT = Path(__file__).parents[1]
SQLITE = "sqlite3"  # a program of the system, with no environment
DLT_CSV = "dlt, with pandas"  # apart from `dlt`, which imports pandas wherever it is installed
PSQL = "psql"  # a program of the PostgreSQL server's package

# What the documentation of each peer asks for, within a major version. The first is the peer itself.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "sqlite-utils": ("sqlite-utils>=4,<5",),
    # The SQLAlchemy target of Luigi 3.8 calls `select` in the way from before SQLAlchemy 2.
    "luigi": ("luigi>=3.6,<4", "sqlalchemy>=1.4.54,<2"),
    "dlt": ("dlt[sqlalchemy]>=1.20,<2",),
    DLT_CSV: ("dlt[filesystem,sqlalchemy]>=1.20,<2", "pandas>=2.2,<4"),
    "duckdb": ("duckdb>=1,<2",),
    "pydantic": ("pydantic>=2.10,<3", "peewee>=3.17.9,<5"),
    # FastAPI 0.155 breaks the import of Prefect 3.8's server.
    "prefect": ("prefect>=3.7,<4", "peewee>=3.17.9,<5", "fastapi>=0.111,<0.151"),
    "kedro": ("kedro>=1,<2",),
    "dagster": ("dagster>=1.12,<2",),
    "metaflow": ("metaflow>=2.15,<3",),
    OURS_POSTGRES: ("psycopg[binary]>=3.2.2,<4",),
}

# The packages of our environment whose versions are reported.
OUR_PACKAGES = ("pipeline-cli", "prefect", "peewee", "pydantic", "msgspec", "click")

VERSIONS_SCRIPT = """
import sys
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in sys.argv[1:]))
"""

# Runs in our environment and prints what our packages choose on this machine.
FACTS_SCRIPT = Path(__file__).with_name("our_facts.py")


@dataclass(frozen=True, slots=True)
class Facts:
    """What our packages choose on this machine, and the versions they use.

    Args:
        journal: values of SQLite's pragmas `journal_mode` and `synchronous`.
        file_system: type of the file system.
        sqlite: version of SQLite that Python is linked with.
        python: version of Python.
    """

    journal: tuple[str, str]
    file_system: str
    sqlite: str
    python: str


class Environments:
    """Creates virtual environments.

    Args:
        cache: folder for the environments; existing ones are replaced.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "environments"

    def make(self, name: str) -> str:
        """Create an environment, and return `name version` of its packages."""
        if name == SQLITE:
            return read_sqlite_version()
        if name == PSQL:
            return postgres_server.read_version()
        # By path and in one command: on the public index, one of our names belongs to somebody else.
        packages = sorted((ROOT / "packages").glob("pipeline-*")) if name in {OURS, OURS_POSTGRES} else []
        wanted = [*map(str, packages), *REQUIREMENTS.get(name, ())]
        run_uv("venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder / name))
        # Always rebuild ours: uv does not notice every change of their sources.
        anew = [f"--reinstall-package={path.name}" for path in packages]
        # Compiled now, so that no first run has to.
        into = ["--compile-bytecode", "--python", str(self.python(name))]
        run_uv("pip", "install", "--quiet", *into, *anew, *wanted)
        return self._versions(name)

    def programs(self, name: str) -> Path:
        """Return the folder of an environment's programs."""
        return self.folder / name / "bin"

    def python(self, name: str) -> Path:
        """Return an environment's Python."""
        return self.programs(name) / "python"

    def facts(self, folder: Path) -> Facts:
        """Return what our packages choose for a database in `folder`, and the versions they use."""
        # Without the folder of the script on the search path, whose modules may have a package's name.
        command = [str(self.python(OURS)), "-P", str(FACTS_SCRIPT), str(folder)]
        answers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        mode, synchronous = answers.pop("journal")
        return Facts((mode, synchronous), **answers)

    def _versions(self, name: str) -> str:
        names = [re.split(r"[\[>]", requirement)[0] for requirement in REQUIREMENTS.get(name, OUR_PACKAGES)]
        command = [str(self.python(name)), "-c", VERSIONS_SCRIPT, *names]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def run_uv(*arguments: str) -> str:
    """Run uv, and return its standard output; errors go to standard error."""
    # Nox sets these to its own environment, which is not the one to use here.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"UV_PYTHON", "VIRTUAL_ENV"}
    }
    command = ["uv", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def read_sqlite_version() -> str:
    """Return the version of the sqlite3 program."""
    printed = subprocess.run(["sqlite3", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return f"sqlite3 {printed.split()[0]}"


def find_missing_programs() -> list[str]:
    """Return a message for each program that is missing, with how to install it."""
    reasons = {
        "uv": "uv is missing: `nox -s bench` installs it, and so does `pip install uv`",
        "sqlite3": "the program sqlite3 is missing: `apt-get install sqlite3`, or `brew install sqlite`",
    }
    return [reason for program, reason in reasons.items() if not shutil.which(program)]
