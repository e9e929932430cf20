# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Open psql on the database: LEVQOR_DATABASE_URL, else the private PostgreSQL of ./dev run.
#
# usage: ./dev psql [ARGUMENTS OF psql]
#
# The private PostgreSQL is started when it does not run, and stopped again afterwards. You are its superuser there;
# `set role levqor_dba;` shows what a DBA sees.

main() {
    need postgres
    local psql
    psql="$(pg_bin)/psql"
    if [[ -n ${LEVQOR_DATABASE_URL:-} ]]; then
        exec "$psql" "$LEVQOR_DATABASE_URL" "$@"
    fi
    local directory=${LEVQOR_DIRECTORY:-$root/.levqor} url status=0
    server="$root/.build/debug/levqor-server"
    [[ -x $server ]] || build debug
    if url=$("$server" cluster url --directory "$directory" 2> /dev/null) && "$psql" -Xqtc 'select 1' "$url" > /dev/null 2>&1; then
        exec "$psql" "$url" "$@"
    fi
    say "starting the private PostgreSQL in $directory"
    "$server" cluster start --directory "$directory" >&2
    trap '"$server" cluster stop --directory "$directory" >&2' EXIT
    "$server" migrate --directory "$directory" >&2
    url=$("$server" cluster url --directory "$directory")
    "$psql" "$url" "$@" || status=$?
    return "$status"
}
