# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
#
# Run all tests, or a part of them, on real parts that are started for it and ended after it.
#
# usage: ./dev test [fast|sql|swift|clients|gate|chaos|lint]
#        ./dev test chaos [--minutes N] [--jobs N] [--seed N]
#
#   (nothing)  everything, in this order
#   lint       ./dev lint
#   sql        deploy as a login that is no superuser, pgTAP, conventions and plpgsql_check, dumps equal
#   swift      the Swift tests, and the unit tests again under the thread sanitizer
#   clients    clients that others wrote against the live server
#   gate       malformed requests; limits, quotas, keys and idempotency exact on two servers, through kill -9
#   chaos      20,000 jobs with webhooks on two servers, while everything is killed or stopped at random: some four minutes;
#              --minutes is how long things are killed (2)
#   fast       lint, pgTAP and the Swift unit tests: a minute once it is built
#
# The databases are in a PostgreSQL of its own, .levqor/test; your data is not touched. Each step prints its name and
# seconds; a failed one does not keep the others from running. The last line counts them.

test_directory="$root/.levqor/test"
cluster_started=false

# Ends what was started, however the run ends.
clean_up() {
    local status=$?
    trap - EXIT INT TERM
    if [[ $cluster_started == true ]]; then
        "$server" cluster stop --directory "$test_directory" > /dev/null 2>&1 || true
    fi
    exit "$status"
}

# Two runs at once in one place would take each other's databases away.
lock_or_die() {
    mkdir -p "$root/.levqor"
    has flock || return 0
    exec 9> "$root/.levqor/test.lock"
    flock --nonblock 9 || die "another ./dev test runs in this folder" "Wait for it, or end it."
}

build_tests() {
    swift build --build-tests
    swift build --product levqor-server
}

start_cluster() {
    # Not with the lock: PostgreSQL goes on after this command.
    "$server" cluster start --directory "$test_directory" 9>&- || return
    # Tests that run side by side have a server with connections of its own each.
    if ! grep -qs '^max_connections' "$test_directory/pg/local.conf"; then
        "$server" cluster stop --directory "$test_directory" 9>&- || return
        echo 'max_connections = 400' >> "$test_directory/pg/local.conf"
        "$server" cluster start --directory "$test_directory" 9>&-
    fi
}

gate_test() {
    "$python" "Tests/gate/$1.py" --server "$server" --psql "$(pg_bin)/psql" "${@:2}"
}

part_is() {
    [[ $part == all || " $* " == *" $part "* ]]
}

main() {
    part=${1:-all}
    [[ $# -eq 0 ]] || shift
    [[ " all fast sql swift clients gate chaos lint " == *" $part "* ]] || die "there is no part '$part'" "./dev help test shows what there is."
    [[ $# -eq 0 || $part == chaos ]] || die "'$part' takes no options" "./dev help test shows what there is."
    # shellcheck source=scripts/steps.sh
    source "$root/scripts/steps.sh"
    lock_or_die
    if part_is fast lint; then
        # shellcheck source=scripts/lint.sh
        source "$root/scripts/lint.sh"
        prepare_lint
        lint_steps
    fi
    [[ $part != lint ]] || { finish_steps && return || return 1; }

    need pkg-config libpq libcurl postgres curl certificates git
    need_swift
    need_python_tools
    need_json_schema_suite
    server="$root/.build/debug/levqor-server"
    step 'build' build_tests
    if [[ $step_ok == false ]]; then
        step_blocked 'everything that needs the server' 'the build failed'
        finish_steps && return || return 1
    fi

    trap clean_up EXIT
    trap 'exit 130' INT TERM
    if part_is fast sql swift; then
        # shellcheck source=scripts/test-database.sh
        source "$root/scripts/test-database.sh"
        database_steps
    fi
    if part_is clients; then
        # One of the example workers is tried with it and without it.
        need jq
        need_promtool
        need_dbt
        step 'clients that others wrote' "$python" Tests/clients/run.py --server "$server" --psql "$(pg_bin)/psql" --promtool "$promtool" \
            --dbt "$dbt"
        step 'workers: the command, Python, shell' "$python" Tests/clients/worker.py --server "$server" --psql "$(pg_bin)/psql"
        step 'alerts to every channel' "$python" Tests/clients/alerts.py --server "$server" --psql "$(pg_bin)/psql"
        step 'two servers and two reactors' "$python" Tests/clients/roles.py --server "$server" --psql "$(pg_bin)/psql"
    fi
    if part_is gate; then
        step '100,000 malformed requests' gate_test fuzz --requests 100000
        step 'limits and quotas, two servers, kill -9' gate_test limits
        step 'keys rotated and revoked under load' gate_test keys
        step 'Idempotency-Key, two servers, kill -9' gate_test idempotency
    fi
    if part_is chaos; then
        step 'rollups, retention and erasure, kill -9' "$python" Tests/chaos/figures.py --server "$server" --psql "$(pg_bin)/psql"
        step 'chaos' "$python" Tests/chaos/run.py --server "$server" --psql "$(pg_bin)/psql" "$@"
    fi
    finish_steps
}
