"""The competitors: the command of each, where its rows are afterwards, and what it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import postgres_server
from environments import OURS, OURS_POSTGRES, PSQL, SQLITE
from sizes import Pace

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a competitor leaves its rows: a database file or the server, and the query that counts them."""

    database: str
    count: str


@dataclass(frozen=True, slots=True)
class Competitor:
    """A program to be measured.

    Args:
        name: its name in results.
        environment: name of the environment with its programs.
        command: command line, to which the input is appended as the last argument.
        rows: rows to count afterwards; None if it loads nothing.
        does: what it does and does not do, in a sentence.
        pace: how often it loads a file for the tables by lines.
        settings: environment variables; `{run}` in a value is the working folder of the run.
    """

    name: str
    environment: str
    command: tuple[str, ...]
    rows: Rows | None = None
    does: str = ""
    pace: Pace = Pace.SLOW
    settings: Mapping[str, str] = field(default_factory=dict)


def build_script_command(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a script of `peers`."""
    return ("sh" if name.endswith(".sh") else "python", str(PEERS / name), *arguments)


OURS_ROWS = Rows("data/pipeline.db", "SELECT count(*) FROM finalized_records")
BARE_ROWS = Rows("bare.db", "SELECT count(*) FROM processed_records JOIN processing_batches ON id = batch_id")

OURS_LOCAL = Competitor(
    "pipeline run-all",
    OURS,
    ("pipeline", "--engine", "local", "run-all"),
    OURS_ROWS,
    "Splits the file into a JSON document with count and hash, checks it and loads it in one durable "
    "transaction, detects what was loaded before, counts and finalizes the batch.",
    Pace.OURS,
)
SQLITE_IMPORT = Competitor(
    "sqlite3 .import",
    SQLITE,
    build_script_command("sqlite_import.sh"),
    Rows("lines.db", "SELECT count(*) FROM lines"),
    "One column only: no line numbers, document, hash or batch, and no check of the input.",
    Pace.FAST,
)
SQLITE_UTILS = Competitor(
    "sqlite-utils",
    "sqlite-utils",
    build_script_command("sqlite_utils.sh"),
    Rows("lines.db", "SELECT count(*) FROM lines"),
    "`insert --lines`: one column, a hundred rows in a statement; no line numbers, document, hash or batch.",
    Pace.MEDIUM,
)
LUIGI = Competitor(
    "Luigi",
    "luigi",
    build_script_command("luigi_tasks.py"),
    Rows("luigi.db", "SELECT count(*) FROM records"),
    "Three tasks with the local scheduler; Luigi's own `CopyToTable` loads. All records are held in memory, "
    "and a transaction of its own marks the load as done.",
)
DLT = Competitor(
    "dlt",
    "dlt",
    build_script_command("dlt_resource.py"),
    Rows("dlt.db", "SELECT count(*) FROM records"),
    "A resource yields batches of 10,000 records; dlt's own steps infer and migrate the schema and give each "
    "row an id. Telemetry is off.",
)
PREFECT_PEEWEE = Competitor(
    "Prefect + Peewee",
    "prefect",
    build_script_command("prefect_peewee.py"),
    Rows("prefect.db", "SELECT count(*) FROM record"),
    "The obvious script: a flow of three tasks, `json.dump`, `insert_many` in one transaction. Without a "
    "configured API it starts a temporary server, which takes most of the time on small files.",
    Pace.SLOWEST,
    {
        "PREFECT_HOME": "{run}/prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    },
)

OURS_ON_POSTGRES = Competitor(
    "pipeline run-all into PostgreSQL",
    OURS_POSTGRES,
    OURS_LOCAL.command,
    Rows(postgres_server.DATABASE, OURS_ROWS.count),
    "As into SQLite, but into a PostgreSQL server with default settings.",
)
PSQL_COPY = Competitor(
    r"psql \copy",
    PSQL,
    build_script_command("psql_copy.sh"),
    Rows(postgres_server.DATABASE, "SELECT count(*) FROM processed_records"),
    "Rows as in our table, made before the timing starts, into a table with the same primary key; no file is "
    "split, and there is no document, hash or batch, and no check of the input.",
)

BY_HAND = "it has no loader, so its jobs are written by hand with `json` and `sqlite3.executemany`"
PLAIN_ROWS = Rows("plain.db", "SELECT count(*) FROM records")
KEDRO = Competitor(
    "Kedro",
    "kedro",
    build_script_command("kedro_nodes.py"),
    PLAIN_ROWS,
    f"Three nodes and the sequential runner, without a project; {BY_HAND}.",
    Pace.EXTRA,
)
DAGSTER = Competitor(
    "Dagster",
    "dagster",
    build_script_command("dagster_assets.py"),
    PLAIN_ROWS,
    f"Three assets materialized in one process; {BY_HAND}.",
    Pace.EXTRA,
)
METAFLOW = Competitor(
    "Metaflow",
    "metaflow",
    build_script_command("metaflow_steps.py", "run", "--source"),
    PLAIN_ROWS,
    f"Three steps, each in a process of its own; {BY_HAND}.",
    Pace.EXTRA,
)

BY_LINES = (
    OURS_LOCAL,
    SQLITE_IMPORT,
    SQLITE_UTILS,
    LUIGI,
    DLT,
    PREFECT_PEEWEE,
    KEDRO,
    DAGSTER,
    METAFLOW,
)

ON_POSTGRES = (OURS_ON_POSTGRES, PSQL_COPY)

WITHOUT_PROGRESS = Competitor(
    "pipeline run-all --no-progress", OURS, (*OURS_LOCAL.command, "--no-progress"), OURS_ROWS
)
HELP = Competitor("pipeline --help", OURS, ("pipeline", "--help"))
LIST_JOBS = Competitor("pipeline list-jobs", OURS, ("pipeline", "list-jobs"))
CLICK = Competitor("import click", OURS, ("python", "-c", "import click"))
OURS_FILES = Competitor("run_many", OURS, build_script_command("ours_files.py"), OURS_ROWS)
OURS_DICT = Competitor(
    "job B",
    OURS,
    build_script_command("ours_dict.py"),
    Rows("ours.db", "SELECT count(*) FROM processed_records"),
)
OURS_PREFECT = Competitor("the runner on Prefect", OURS, build_script_command("ours_prefect.py"), OURS_ROWS)


def make_bare_script(name: str, file: str, journal: tuple[str, str]) -> Competitor:
    """Return a script of our environment that uses none of our packages and is equally durable."""
    return Competitor(name, OURS, build_script_command(file, *journal), BARE_ROWS)
