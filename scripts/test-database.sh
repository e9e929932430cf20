# shellcheck shell=bash disable=SC2034,SC2154 # names are shared with ./dev
# The steps of ./dev test that need databases: deploy, pgTAP, dumps, Swift.

template=levqor_template

database_steps() {
    need pgtap plpgsql_check pg_prove
    # A variable of the caller must not lead these tests to the caller's database.
    unset "${!LEVQOR_@}" "${!PG@}"
    step "PostgreSQL $(pg_major) for the tests" start_cluster
    if [[ $step_ok == false ]]; then
        step_blocked 'everything that needs a database' 'PostgreSQL did not start'
        return
    fi
    cluster_started=true
    base_url=$("$server" cluster url --directory "$test_directory")
    psql=("$(pg_bin)/psql" -X -q -v ON_ERROR_STOP=1)
    export LEVQOR_MASTER_KEY
    LEVQOR_MASTER_KEY=$(random_secret)

    wipe_databases
    if part_is sql; then
        step 'psql deploys as a login with CREATEROLE' deploy_as_deployer deploy_by_psql
        wipe_databases
        step 'levqor-server migrate deploys as a login with CREATEROLE' deploy_as_deployer deploy_by_server
        wipe_databases
    fi
    step 'template database' make_template
    if [[ $step_ok == false ]]; then
        step_blocked 'everything that needs the template' 'it could not be made'
        return
    fi
    if part_is fast sql; then
        step 'pgTAP' run_pgtap
        step 'conventions and plpgsql_check' run_conventions
    fi
    if part_is sql; then
        step 'cron slots as croniter and APScheduler have them' "$python" Tests/clients/cron.py --database "$(url_for "$base_url" "$template")"
        step 'psql and levqor-server make the same database' compare_roads
        step 'replaying the functions changes nothing' compare_replay
        step 'the generated reference is as the comments are' scripts/reference.sh "$(url_for "$base_url" "$template")" --check
        step 'the table of data retention is as the policies are' scripts/retention-table.sh "$(url_for "$base_url" "$template")" --check
        step 'the tour for the DBA says what its page shows' check_tour a-tour-for-the-dba
        step 'the tour for the BI user says what its page shows' check_tour a-tour-for-the-bi-user
        step 'a backup can be restored' env LEVQOR_SERVER_BINARY="$server" scripts/test-restore.sh "$(url_for "$base_url" postgres)"
    fi
    swift_steps
}

swift_steps() {
    export LEVQOR_TEST_DATABASE_URL LEVQOR_TEST_TEMPLATE=$template LEVQOR_JSON_SCHEMA_SUITE=$json_schema_suite
    export LEVQOR_SERVER_BINARY=$server LEVQOR_TEST_PYTHON=$python
    LEVQOR_TEST_DATABASE_URL=$(url_for "$base_url" postgres)
    unset LEVQOR_MASTER_KEY
    # All at once, each test would take as long as all of them, and on a slow machine longer than its limit.
    export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8
    if part_is fast; then
        [[ $part == all ]] || step 'Swift unit tests' swift test --skip-build --filter '^LevqorPGTests\.'
    fi
    if part_is swift; then
        step 'Swift tests' swift test --skip-build
        step 'Swift unit tests under the thread sanitizer' \
            swift test --scratch-path .build-tsan --sanitize=thread --filter '^LevqorPGTests\.'
    fi
}

sql() {
    "${psql[@]}" -At -d "$(url_for "$base_url" "$1")" -c "$2"
}

# Back to an empty cluster: no database and no role of ours.
wipe_databases() {
    local name
    while IFS= read -r name; do
        sql postgres "drop database if exists \"$name\" with (force)"
    done < <(sql postgres "select datname from pg_database where datname not in ('postgres', 'template0', 'template1', 'levqor')")
    while IFS= read -r name; do
        sql levqor "drop owned by \"$name\" cascade"
        sql postgres "drop role \"$name\""
    done < <(sql postgres "select rolname from pg_roles where rolname like 'levqor%' or rolname = 'deployer' order by rolname = 'deployer'")
}

# Managed services give no superuser: a login with CREATEROLE and a database of its own must do. The roles are not there
# yet, as in a new cluster.
deploy_as_deployer() {
    local password
    password=$(random_secret | tr -dc 'A-Za-z0-9')
    sql postgres "create role deployer login createrole password '$password'"
    sql postgres 'create database deployed owner deployer'
    "$1" "$(url_for "$base_url" deployed "deployer:$password")"
    if [[ $(sql deployed "select count(*) > 0 from http.route") != t ]]; then
        echo 'no route was registered'
        return 1
    fi
    if [[ $(sql deployed "select rolsuper from pg_roles where rolname = 'deployer'") != f ]]; then
        echo 'the login is a superuser, so this proved nothing'
        return 1
    fi
}

deploy_by_psql() {
    "${psql[@]}" -1 -d "$1" -f sql/install.sql
}

deploy_by_server() {
    LEVQOR_DATABASE_URL=$1 quietly "$server" migrate
}

make_template() {
    sql postgres "create database $template"
    deploy_by_server "$(url_for "$base_url" "$template")"
}

new_database() {
    PGOPTIONS='-c client_min_messages=warning' sql postgres "drop database if exists $1 with (force)"
    sql postgres "create database $1 ${2:+template $2}"
}

# Every file under Tests/sql, in a copy of the template with pgTAP and the helpers of Tests/sql/support.
prepare_pgtap() {
    local file
    new_database "$1" "$template"
    sql "$1" 'create extension pgtap schema public; create extension plpgsql_check schema public'
    for file in Tests/sql/support/*.sql; do
        [[ ! -e $file ]] || "${psql[@]}" -d "$(url_for "$base_url" "$1")" -f "$file" > /dev/null
    done
}

# prove_with DATABASE: runs the files named on stdin. pg_prove takes an equals sign in a URL for its own, so the parts of
# the URL go by the environment.
prove_with() {
    local url
    url=$(url_for "$base_url" "$1")
    PGHOST=$("${psql[@]}" -d "$url" -c '\echo :HOST') PGPORT=$("${psql[@]}" -d "$url" -c '\echo :PORT') \
        PGUSER=$("${psql[@]}" -d "$url" -c '\echo :USER') \
        xargs -0 pg_prove --psql-bin "${psql[0]}" --dbname "$1" --failures --comments
}

run_pgtap() {
    prepare_pgtap levqor_pgtap
    find Tests/sql -mindepth 2 -name '*.sql' -not -path '*/support/*' -print0 | sort -z \
        | prove_with levqor_pgtap
}

run_conventions() {
    if ! grep -q plpgsql_check Tests/sql/conventions.sql; then
        echo 'Tests/sql/conventions.sql does not run plpgsql_check'
        return 1
    fi
    prepare_pgtap levqor_conventions
    printf 'Tests/sql/conventions.sql\0' | prove_with levqor_conventions
}

# check_tour PAGE
check_tour() {
    new_database levqor_tour "$template"
    "$python" scripts/tour.py --psql "${psql[0]}" "$(url_for "$base_url" levqor_tour)" "docs/tutorial/$1.md" --check
}

# A database's definition and its seeded rows as text, without what differs from run to run.
dump() {
    local url table
    url=$(url_for "$base_url" "$1")
    "$(pg_bin)/pg_dump" --schema-only --dbname "$url" | grep -vE '^\\(un)?restrict |^-- Dumped '
    # Every seeded row as the product means it: what has the column origin.
    while IFS= read -r table; do
        printf -- '-- rows of %s\n' "$table"
        sql "$1" "select (to_jsonb(t) - 'id' - 'version')::text from $table as t order by 1"
    done < <(sql "$1" "select a.attrelid::regclass from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid
        where a.attname = 'origin' and c.relkind = 'r' union all select 'core.error_code' order by 1")
}

same_dumps() {
    if ! diff -u "$1" "$2" > "$test_directory/difference"; then
        head -n 60 "$test_directory/difference"
        echo 'the databases differ'
        return 1
    fi
}

compare_roads() {
    new_database levqor_psql
    deploy_by_psql "$(url_for "$base_url" levqor_psql)"
    dump levqor_psql > "$test_directory/psql.sql"
    dump "$template" > "$test_directory/server.sql"
    same_dumps "$test_directory/psql.sql" "$test_directory/server.sql"
    # A second deploy finds nothing to do, also over what psql made.
    deploy_by_server "$(url_for "$base_url" levqor_psql)"
    dump levqor_psql > "$test_directory/adopted.sql"
    same_dumps "$test_directory/psql.sql" "$test_directory/adopted.sql"
}

compare_replay() {
    local file versions='select coalesce(sum(version), 0) from http.route'
    new_database levqor_replay "$template"
    dump levqor_replay > "$test_directory/before.sql"
    local before after
    before=$(sql levqor_replay "$versions")
    # With psql, file by file, in the order of install.sql.
    while IFS= read -r file; do
        "${psql[@]}" -1 -d "$(url_for "$base_url" levqor_replay)" -c 'set client_min_messages = warning' \
            -c 'set check_function_bodies = off' -c 'set role levqor_owner' -f "sql/$file" > /dev/null
    done < <(sed -nE 's/^\\ir +(functions\/[^ ]+)$/\1/p' sql/install.sql)
    dump levqor_replay > "$test_directory/after.sql"
    same_dumps "$test_directory/before.sql" "$test_directory/after.sql"
    # With the server, which must think that every file has changed.
    sql levqor_replay "update core.deployed_file set checksum = 'another'"
    deploy_by_server "$(url_for "$base_url" levqor_replay)"
    dump levqor_replay > "$test_directory/after.sql"
    same_dumps "$test_directory/before.sql" "$test_directory/after.sql"
    after=$(sql levqor_replay "$versions")
    if [[ $before != "$after" ]]; then
        echo "routes got new versions by the replay ($before before, $after after): every call would be answered stale once"
        return 1
    fi
}
