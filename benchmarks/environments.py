"""An environment for each contestant: what is installed, and which versions that came to."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import postgres

OURS = "ours"
OURS_POSTGRES = "ours, with psycopg"  # which Peewee imports where it is installed, so not in the other
ROOT = Path(__file__).parents[1]
SQLITE = "sqlite3"  # a program of the system, with no environment
PSQL = "psql"  # a program that comes with the server

# What a peer's own documentation asks for, held to a major version. The first of each is the peer itself.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "sqlite-utils": ("sqlite-utils>=4,<5",),
    # The SQLAlchemy target of Luigi 3.8 calls `select` as it was before SQLAlchemy 2.
    "luigi": ("luigi>=3.6,<4", "sqlalchemy>=1.4.54,<2"),
    "dlt": ("dlt[sqlalchemy]>=1.20,<2",),
    # FastAPI 0.155 breaks the import of Prefect 3.8's server.
    "prefect": ("prefect>=3.7,<4", "peewee>=3.17.9,<5", "fastapi>=0.111,<0.151"),
    "kedro": ("kedro>=1,<2",),
    "dagster": ("dagster>=1.12,<2",),
    "metaflow": ("metaflow>=2.15,<3",),
    OURS_POSTGRES: ("psycopg[binary]>=3.2.2,<4",),
}

# Of our environment: what is worth knowing.
OUR_OWN = ("pipeline-cli", "prefect", "peewee", "pydantic", "msgspec", "click")

VERSIONS = """
import sys
from importlib.metadata import version
print(", ".join(f"{name} {version(name)}" for name in sys.argv[1:]))
"""

# Asked in our environment: what our packages choose on this machine, and what they run on.
QUESTIONS = """
import json, pathlib, platform, sqlite3, sys
from pipeline_db.durability import file_system, journal
folder = pathlib.Path(sys.argv[1])
print(json.dumps({
    "journal": journal(sqlite3.sqlite_version_info, folder),
    "file_system": file_system(folder) or "unknown",
    "sqlite": sqlite3.sqlite_version,
    "python": platform.python_version(),
}))
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers.

    Args:
        journal: values of SQLite's pragmas `journal_mode` and `synchronous`.
        file_system: its type.
        sqlite: the version of SQLite that Python is linked with.
        python: its version.
    """

    journal: tuple[str, str]
    file_system: str
    sqlite: str
    python: str


class Environments:
    """Makes one virtual environment a contestant.

    Args:
        cache: the folder to make them in; those that are there are made anew.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "environments"

    def make(self, name: str) -> str:
        """Make an environment, and return `name version` of what was asked for."""
        if name == SQLITE:
            return sqlite_version()
        if name == PSQL:
            return postgres.version()
        # By path and in one command: the public index has a stranger's package under one of our names.
        packages = sorted((ROOT / "packages").glob("pipeline-*")) if name in {OURS, OURS_POSTGRES} else []
        wanted = [*map(str, packages), *REQUIREMENTS.get(name, ())]
        uv("venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder / name))
        # Ours are built anew: their sources change more often than what uv takes for a sign of it.
        anew = [f"--reinstall-package={path.name}" for path in packages]
        # Compiled now, so that no first run has to.
        into = ["--compile-bytecode", "--python", str(self.python(name))]
        uv("pip", "install", "--quiet", *into, *anew, *wanted)
        return self._versions(name)

    def programs(self, name: str) -> Path:
        """Return the folder of an environment's programs."""
        return self.folder / name / "bin"

    def python(self, name: str) -> Path:
        """Return an environment's Python."""
        return self.programs(name) / "python"

    def facts(self, folder: Path) -> Facts:
        """Return what our packages choose for a database in `folder`, and what they run on."""
        command = [str(self.python(OURS)), "-c", QUESTIONS, str(folder)]
        answers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        mode, synchronous = answers.pop("journal")
        return Facts((mode, synchronous), **answers)

    def _versions(self, name: str) -> str:
        names = [re.split(r"[\[>]", requirement)[0] for requirement in REQUIREMENTS.get(name, OUR_OWN)]
        command = [str(self.python(name)), "-c", VERSIONS, *names]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def uv(*arguments: str) -> str:
    """Run uv, and return what it prints; what it complains about, it prints itself."""
    # Nox names its own environment there, which is not meant here.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"UV_PYTHON", "VIRTUAL_ENV"}
    }
    command = ["uv", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def sqlite_version() -> str:
    """Return the version of the sqlite3 program."""
    printed = subprocess.run(["sqlite3", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return f"sqlite3 {printed.split()[0]}"


def missing() -> list[str]:
    """Return what a bench needs and this machine has not, with what to do about it."""
    reasons = {
        "uv": "uv is missing: `nox -s bench` installs it, and so does `pip install uv`",
        "sqlite3": "the program sqlite3 is missing: `apt-get install sqlite3`, or `brew install sqlite`",
    }
    return [reason for program, reason in reasons.items() if not shutil.which(program)]
