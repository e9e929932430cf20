# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Measure the server beside pgbench and beside what it replaces, and write bench/results/.
#
# usage: ./dev bench [first] [--rounds N] [--seconds N] [--accounts N]
#        ./dev bench gate [--rows NAME…] [--turns N] [--seconds N] [--held-seconds N] [--accounts N]
#        ./dev bench queue [--rows NAME…] [--turns N] [--seconds N] [--held-seconds N] [--scale SHARE]
#        ./dev bench numbers [--rows NAME…] [--turns N] [--seconds N] [--events N] [--persons N]
#
# Builds the server in release, starts a database of its own on which commits are durable, makes 10,000 accounts with a
# key and an address each, and measures in interleaved rounds. See bench/README.md for what is measured and how to read it.
#
# first: intake, status and a trivial route beside pgbench and Flask; about four minutes after the build. This is the
#        default. Writes first.json.
# gate:  every bar of the gate, with exit code 0 only when all hold; about half an hour. Writes gate.json. --rows measures
#        some rows only (validation intake intake-one latency status refused memory snapshot) and writes nothing.
# queue: every bar of the queue, beside PgQueuer and Procrastinate, with exit code 0 only when all hold; more than half an
#        hour. Writes queue.json. --rows measures some rows only (sql single http hands million webhooks hint snapshot) and
#        writes nothing; --scale 0.1 takes a tenth of the jobs, to try it out.
# numbers: every bar of ledger, analytics and data retention, beside DuckDB and chdb, on ten million events; about half an
#        hour. Writes numbers.json. --rows measures some rows only (activity funnel ledger deletion ingest) and writes nothing,
#        and so does another number of --events or --persons.

main() {
    local which=first
    case ${1:-} in
        first | gate | queue | numbers)
            which=$1
            shift
            ;;
        -* | '') ;;
        *) die "there is no bench '$1'" "./dev help bench shows what there is." ;;
    esac
    need postgres pgbench wrk curl
    need_python_tools
    local script=$which
    if [[ $which != first ]]; then
        need_peers
    fi
    # A script of the name of Python's own module would take its place for all others beside it.
    [[ $which != queue ]] || script=queues
    [[ $which != numbers ]] || script=analytics
    build release
    exec "$python" "$root/bench/$script.py" --server "$server" --pg-bin "$(pg_bin)" "$@"
}

# What the peers need, beside the other tools in .venv. It goes when .venv is made again.
need_peers() {
    local wanted found
    wanted=$(cksum < bench/requirements.txt)
    found=$(cat .venv/.peers-made-for 2> /dev/null || true)
    [[ $wanted != "$found" ]] || return 0
    say "installing the peers of the benches into .venv"
    quietly "$python" -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt \
        || die "pip could not install bench/requirements.txt" "See the lines above."
    printf '%s' "$wanted" > .venv/.peers-made-for
}
