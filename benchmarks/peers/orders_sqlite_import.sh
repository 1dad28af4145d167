#!/bin/sh
# The sqlite3 program's own import: each column of the CSV file INPUT becomes a column of text.
# Usage: sh orders_sqlite_import.sh INPUT
set -eu
exec sqlite3 -bail orders.db ".import --csv '$1' orders"
