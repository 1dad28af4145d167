#!/bin/sh
# sqlite-utils: the CSV file INPUT into a table whose types it detects, as it does by default.
# Usage: sh orders_sqlite_utils.sh INPUT
set -eu
exec sqlite-utils insert orders.db orders "$1" --csv
