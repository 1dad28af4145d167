#!/bin/sh
# psql's own \copy of ready-made rows into a table with their three columns and their primary key.
# Usage: PSQL=psql PIPELINE_DB_URL=postgresql://… sh psql_copy.sh ROWS
set -eu
exec "$PSQL" -qX -v ON_ERROR_STOP=1 "$PIPELINE_DB_URL" -c '
    CREATE TABLE processed_records (
        batch_id bigint NOT NULL,
        line_number bigint NOT NULL,
        content text NOT NULL,
        PRIMARY KEY (batch_id, line_number)
    )' -c "\\copy processed_records FROM '$1'"
