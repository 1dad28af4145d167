#!/bin/sh
# The sqlite3 program's own import: each line of INPUT becomes a row of one column, and nothing else is done.
# Usage: sh sqlite_import.sh INPUT
set -eu
# The unit separator stands in no line, so that a line is never cut into columns.
exec sqlite3 -bail lines.db \
    'CREATE TABLE lines (content TEXT)' \
    '.mode ascii' \
    '.separator "\037" "\n"' \
    ".import '$1' lines"
