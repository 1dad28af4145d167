"""Who takes part: what each one runs, where its rows are then, and what it does and does not do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import postgres
from environments import OURS, OURS_POSTGRES, PSQL, SQLITE
from sizes import Pace

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Rows:
    """Where a contestant leaves its rows, a file in its working folder or a server, and what counts them."""

    database: str
    count: str


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that is run.

    Args:
        name: what it is called in results.
        environment: where its programs are.
        command: what is run; its input follows as the last argument.
        rows: what to count afterwards; None for what loads nothing.
        does: what it does and does not do, as a sentence.
        pace: how often it is asked to load a file, in the tables by lines.
        settings: environment variables; `{run}` in one is the working folder of the run.
    """

    name: str
    environment: str
    command: tuple[str, ...]
    rows: Rows | None = None
    does: str = ""
    pace: Pace = Pace.SLOW
    settings: Mapping[str, str] = field(default_factory=dict)


def script(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a script of `peers`."""
    return ("sh" if name.endswith(".sh") else "python", str(PEERS / name), *arguments)


OURS_ROWS = Rows("data/pipeline.db", "SELECT count(*) FROM finalized_records")
BARE_ROWS = Rows("bare.db", "SELECT count(*) FROM processed_records JOIN processing_batches ON id = batch_id")

OURS_LOCAL = Contestant(
    "pipeline run-all",
    OURS,
    ("pipeline", "--engine", "local", "run-all"),
    OURS_ROWS,
    "Splits the file into a JSON document with its count and hash, checks and loads that in one transaction "
    "that a power cut leaves whole, knows what it has loaded before, counts and finalizes the batch.",
    Pace.OURS,
)
SQLITE_IMPORT = Contestant(
    "sqlite3 .import",
    SQLITE,
    script("sqlite_import.sh"),
    Rows("lines.db", "SELECT count(*) FROM lines"),
    "One column and nothing else: no line numbers, document, hash or batch, and no check of what was read.",
    Pace.FAST,
)
SQLITE_UTILS = Contestant(
    "sqlite-utils",
    "sqlite-utils",
    script("sqlite_utils.sh"),
    Rows("lines.db", "SELECT count(*) FROM lines"),
    "`insert --lines`: one column, a hundred rows a statement; no line numbers, document, hash or batch.",
    Pace.MEDIUM,
)
LUIGI = Contestant(
    "Luigi",
    "luigi",
    script("luigi_tasks.py"),
    Rows("luigi.db", "SELECT count(*) FROM records"),
    "Three tasks with the local scheduler, the loading one Luigi's own `CopyToTable`; the list of records is "
    "held in memory, and the mark that the load is done is a transaction of its own.",
)
DLT = Contestant(
    "dlt",
    "dlt",
    script("dlt_resource.py"),
    Rows("dlt.db", "SELECT count(*) FROM records"),
    "A resource that yields batches of 10,000 records to dlt's own steps, which infer and migrate the schema "
    "and give every row an id; telemetry is off.",
)
PREFECT_PEEWEE = Contestant(
    "Prefect + Peewee",
    "prefect",
    script("prefect_peewee.py"),
    Rows("prefect.db", "SELECT count(*) FROM record"),
    "The obvious script: a flow of three tasks, `json.dump`, `insert_many` in one transaction; with no API "
    "configured it starts a temporary server, which is most of its time on small files.",
    Pace.SLOWEST,
    {
        "PREFECT_HOME": "{run}/prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    },
)

OURS_ON_POSTGRES = Contestant(
    "pipeline run-all into PostgreSQL",
    OURS_POSTGRES,
    OURS_LOCAL.command,
    Rows(postgres.DATABASE, OURS_ROWS.count),
    "As into SQLite, but into a server of its own with the settings it comes with.",
)
PSQL_COPY = Contestant(
    r"psql \copy",
    PSQL,
    script("psql_copy.sh"),
    Rows(postgres.DATABASE, "SELECT count(*) FROM processed_records"),
    "Rows as they are in our table, made before and not timed, into a table with the same primary key; no "
    "file is split, and there is no document, hash or batch, and no check of what was read.",
)

PLAIN = "it brings no loader, so its jobs are written by hand on `json` and `sqlite3.executemany`"
PLAIN_ROWS = Rows("plain.db", "SELECT count(*) FROM records")
KEDRO = Contestant(
    "Kedro",
    "kedro",
    script("kedro_nodes.py"),
    PLAIN_ROWS,
    f"Three nodes and the sequential runner, without a project; {PLAIN}.",
    Pace.EXTRA,
)
DAGSTER = Contestant(
    "Dagster",
    "dagster",
    script("dagster_assets.py"),
    PLAIN_ROWS,
    f"Three assets materialized in one process; {PLAIN}.",
    Pace.EXTRA,
)
METAFLOW = Contestant(
    "Metaflow",
    "metaflow",
    script("metaflow_steps.py", "run", "--source"),
    PLAIN_ROWS,
    f"Three steps, each in a process of its own; {PLAIN}.",
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

SILENT = Contestant("pipeline run-all --no-progress", OURS, (*OURS_LOCAL.command, "--no-progress"), OURS_ROWS)
HELP = Contestant("pipeline --help", OURS, ("pipeline", "--help"))
LIST_JOBS = Contestant("pipeline list-jobs", OURS, ("pipeline", "list-jobs"))
CLICK = Contestant("import click", OURS, ("python", "-c", "import click"))
OURS_FILES = Contestant("run_many", OURS, script("ours_files.py"), OURS_ROWS)
OURS_DICT = Contestant(
    "job B", OURS, script("ours_dict.py"), Rows("ours.db", "SELECT count(*) FROM processed_records")
)
OURS_PREFECT = Contestant("the runner on Prefect", OURS, script("ours_prefect.py"), OURS_ROWS)


def bare(name: str, file: str, journal: tuple[str, str]) -> Contestant:
    """Return a script of our environment that uses none of our packages, and is as durable as they are."""
    return Contestant(name, OURS, script(file, *journal), BARE_ROWS)
