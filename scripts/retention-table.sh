#!/usr/bin/env bash
# Writes the table of policies in docs/explanation/data-retention.md from the rows of a freshly deployed database.
#
# usage: scripts/retention-table.sh DATABASE_URL            writes the table into the page
#        scripts/retention-table.sh DATABASE_URL --check    says how the page differs; exit status 1 when it does
#
# What an operator changed (policies, settings) would show, so take a database that nobody has touched.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
source "$root/scripts/lib.sh"
# shellcheck source=scripts/install.sh
source "$root/scripts/install.sh"

[[ $# -eq 1 || ( $# -eq 2 && $2 == --check ) ]] || die "usage: scripts/retention-table.sh DATABASE_URL [--check]"

page=$root/docs/explanation/data-retention.md
new=$(mktemp)
trap 'rm -f "$new"' EXIT

table=$(PGCLIENTENCODING=UTF8 "$(pg_bin)/psql" -XAtq -v ON_ERROR_STOP=1 -d "$1" -c 'select * from privacy.write_table()')
[[ -n $table ]] || die "the database has no policies"
# What stands between the two marks is the table's.
{
    sed -n '1,/^<!-- policies: begin -->$/p' "$page"
    printf '%s\n' "$table"
    sed -n '/^<!-- policies: end -->$/,$p' "$page"
} > "$new"

if [[ $# -eq 2 ]]; then
    diff -u "$page" "$new" || die "the table of policies is not that of this database" \
        "Write it again: scripts/retention-table.sh DATABASE_URL"
else
    cat "$new" > "$page"
fi
