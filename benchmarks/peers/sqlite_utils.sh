#!/bin/sh
# sqlite-utils: each line of INPUT becomes a row of one column.
# Usage: sh sqlite_utils.sh INPUT
set -eu
exec sqlite-utils insert lines.db lines "$1" --lines
