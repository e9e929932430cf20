#!/usr/bin/env bash
# Writes the generated pages of docs/reference from the comments and rows of a freshly deployed database.
#
# usage: scripts/reference.sh DATABASE_URL OUTDIR     writes the pages into OUTDIR
#        scripts/reference.sh DATABASE_URL --check    says which committed pages differ; exit status 1 when one does
#
# The same database gives the same bytes: names are sorted, and nothing of the machine or the time is told. What an
# operator changed (settings, policies, routes) would show, so take a database that nobody has touched.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
source "$root/scripts/lib.sh"
# shellcheck source=scripts/install.sh
source "$root/scripts/install.sh"

pages=(functions tables routes errors settings roles data-dictionary)

write_pages() {
    local url=$1 folder=$2 page
    mkdir -p "$folder"
    for page in "${pages[@]}"; do
        # Settings of the login must not reach the pages: types are shown with their schema unless it is pg_catalog.
        PGOPTIONS='-c search_path=pg_catalog -c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC' PGCLIENTENCODING=UTF8 \
            "$(pg_bin)/psql" -XAtq -v ON_ERROR_STOP=1 -d "$url" -f "$root/scripts/reference/common.sql" \
            -f "$root/scripts/reference/$page.sql" > "$folder/$page.md.new"
        # Without the empty lines at the end.
        sed -e :next -e '/^\n*$/{$d;N;b next' -e '}' "$folder/$page.md.new" > "$folder/$page.md"
        rm "$folder/$page.md.new"
    done
}

# Global: the trap looks at it when the function is over.
check_folder=

check_pages() {
    local page different=0
    check_folder=$(mktemp -d)
    trap 'rm -rf "$check_folder"' EXIT
    write_pages "$1" "$check_folder"
    for page in "${pages[@]}"; do
        diff -u "$root/docs/reference/$page.md" "$check_folder/$page.md" || different=1
    done
    if [[ $different -ne 0 ]]; then
        die "the pages in docs/reference are not those of this database" \
            "Write them again: scripts/reference.sh DATABASE_URL docs/reference"
    fi
}

[[ $# -eq 2 ]] || die "usage: scripts/reference.sh DATABASE_URL OUTDIR|--check"
if [[ $2 == --check ]]; then
    check_pages "$1"
else
    write_pages "$1" "$2"
fi
