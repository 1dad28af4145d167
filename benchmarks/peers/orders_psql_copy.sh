#!/bin/sh
# psql's own \copy of the CSV file INPUT into a typed table with a primary key.
# Usage: PSQL=psql PIPELINE_DB_URL=postgresql://… sh orders_psql_copy.sh INPUT
set -eu
exec "$PSQL" -qX -v ON_ERROR_STOP=1 "$PIPELINE_DB_URL" -c '
    CREATE TABLE orders (
        id integer PRIMARY KEY,
        customer varchar(100) NOT NULL,
        amount numeric(12, 2) NOT NULL,
        quantity integer,
        placed_at timestamp NOT NULL,
        note text,
        paid boolean
    )' -c "\\copy orders FROM '$1' WITH (FORMAT csv, HEADER)"
