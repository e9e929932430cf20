# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Measure the server beside pgbench and beside Flask + gunicorn, and write bench/results/first.json.
#
# usage: ./dev bench [--rounds N] [--seconds N] [--accounts N]
#
# Builds the server in release, starts a database of its own on which commits are durable, makes 10,000 accounts with a
# key and an address each, and measures in interleaved rounds. Takes about four minutes after the build. See
# bench/README.md for what is measured and how to read it.

main() {
    need postgres pgbench wrk curl
    need_python_tools
    build release
    exec "$python" "$root/bench/first.py" --server "$server" --pg-bin "$(pg_bin)" "$@"
}
