# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Show the main job on real parts: a job goes in, is done, and its signed webhook comes out.
#
# usage: ./dev demo [TEXT FILE]
#
# Starts a server with a database of its own on free ports, makes an account and a key, posts a text as a job with a
# callback, lets a worker count its words, receives the webhook, verifies its signature with the official
# standardwebhooks package, and shows in SQL what happened. Removes everything it made. Ends with `demo: ok`.

main() {
    need postgres curl certificates
    need_python_tools
    build debug
    exec "$python" "$root/scripts/demo.py" --server "$server" --psql "$(pg_bin)/psql" "$@"
}
