"""The programs that load the CSV file of orders, most of them into typed columns."""

import postgres_server
from competitors import PEERS, PREFECT_PEEWEE, Competitor, Rows, build_script_command
from environments import DLT_CSV, OURS, OURS_POSTGRES, PSQL, SQLITE
from sizes import Pace

COUNT = "SELECT count(*) FROM orders"
IN_FILE = Rows("orders.db", COUNT)
ON_SERVER = Rows(postgres_server.DATABASE, COUNT)
OURS_IN_FILE = Rows("data/pipeline.db", "SELECT count(*) FROM finalized_orders")
OURS_ON_SERVER = Rows(postgres_server.DATABASE, OURS_IN_FILE.count)


def build_table_command(definition: str, *options: str) -> tuple[str, ...]:
    """Return the command that runs the pipeline of a definition file in `peers`."""
    where = f"{PEERS / definition}:pipeline"
    return ("pipeline", "--engine", "local", "--pipeline", where, "run-all", *options)


WITH_STRUCT = Competitor(
    "table_pipeline, msgspec",
    OURS,
    build_table_command("ours_orders_struct.py"),
    OURS_IN_FILE,
    "Checks each row by a msgspec Struct, writes a document with count and hash, checks that, and loads it "
    "into the table of a Peewee model in one durable transaction; keeps line numbers, detects what was "
    "loaded before, and compares the sums of rows with the tables.",
    Pace.OURS,
)
WITH_PYDANTIC = Competitor(
    "table_pipeline, pydantic",
    OURS,
    build_table_command("ours_orders_pydantic.py"),
    OURS_IN_FILE,
    "The same with a pydantic model in place of the Struct.",
    Pace.OURS,
)
WITH_REJECTS = Competitor(
    "table_pipeline, msgspec, --max-rejects 2%",
    OURS,
    build_table_command("ours_orders_struct.py", "--max-rejects", "2%"),
    OURS_IN_FILE,
)
SQLITE_IMPORT = Competitor(
    "sqlite3 .import --csv",
    SQLITE,
    build_script_command("orders_sqlite_import.sh"),
    IN_FILE,
    "All columns are text, an empty value is an empty text; nothing is checked.",
    Pace.FAST,
)
DUCKDB = Competitor(
    "DuckDB read_csv",
    "duckdb",
    build_script_command("orders_duckdb.py"),
    Rows("orders.duckdb", COUNT),
    "Types are detected, amounts are floats; into a file of its own format, on all cores.",
    Pace.FAST,
)
BY_HAND = Competitor(
    "pydantic + Peewee",
    "pydantic",
    build_script_command("orders_by_hand.py"),
    IN_FILE,
    "The obvious script: `csv.DictReader`, the same pydantic model row by row, `insert_many` of a thousand "
    "rows in one transaction. The first bad row ends it.",
    Pace.MEDIUM,
)
SQLITE_UTILS = Competitor(
    "sqlite-utils insert --csv",
    "sqlite-utils",
    build_script_command("orders_sqlite_utils.sh"),
    IN_FILE,
    "Types are detected after the rows are in, amounts are floats, and an empty value is an empty text.",
    Pace.SLOW,
)
DLT = Competitor(
    "dlt read_csv",
    DLT_CSV,
    build_script_command("orders_dlt.py"),
    IN_FILE,
    "The filesystem source and `read_csv`, which reads by pandas, as in dlt's documentation; types are "
    "detected, amounts and quantities are floats. Telemetry is off.",
    Pace.SLOW,
)

PREFECT = Competitor(
    "Prefect + pydantic + Peewee",
    "prefect",
    build_script_command("orders_prefect.py"),
    IN_FILE,
    "The script by hand as the task of a flow. Without a configured API it starts a temporary server, which "
    "takes most of the time on small files.",
    Pace.SLOW,
    PREFECT_PEEWEE.settings,
)

BY_ORDERS = (WITH_STRUCT, WITH_PYDANTIC, SQLITE_IMPORT, DUCKDB, BY_HAND, SQLITE_UTILS, DLT, PREFECT)

STRUCT_ON_POSTGRES = Competitor(
    "table_pipeline into PostgreSQL",
    OURS_POSTGRES,
    WITH_STRUCT.command,
    OURS_ON_SERVER,
    "As into SQLite, with the Struct, but into a PostgreSQL server with default settings.",
)
PSQL_COPY = Competitor(
    r"psql \copy of CSV",
    PSQL,
    build_script_command("orders_psql_copy.sh"),
    ON_SERVER,
    "Into a table of the same types with a primary key; the first value of a wrong type ends it. There is no "
    "line number, document, hash or batch.",
)

ORDERS_ON_POSTGRES = (STRUCT_ON_POSTGRES, PSQL_COPY)
