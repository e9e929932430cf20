#!/usr/bin/env bash
# Proves that a backup made as docs/how-to/back-up-and-restore.md says can be restored and goes on working.
#
# usage: scripts/test-restore.sh [SUPERUSER_URL]     default: LEVQOR_TEST_DATABASE_URL
#
# Makes a database with data, dumps it, restores the dump into another, compares every table, sequence and definition, lets
# levqor-server migrate find nothing to do, and takes a job through with a key from before the backup. Removes both
# databases. LEVQOR_SERVER_BINARY names the server, by default .build/debug/levqor-server. Exit status 0: all is the same.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/lib.sh
source "$root/scripts/lib.sh"
# shellcheck source=scripts/install.sh
source "$root/scripts/install.sh"

superuser_url=${1:-${LEVQOR_TEST_DATABASE_URL:-}}
server=${LEVQOR_SERVER_BINARY:-$root/.build/debug/levqor-server}
source_name=levqor_restore_source
target_name=levqor_restore_target

[[ -n $superuser_url ]] || die "usage: scripts/test-restore.sh SUPERUSER_URL"
[[ -x $server ]] || die "there is no server at $server" "Build it: swift build --product levqor-server"
bin=$(pg_bin)
work=$(mktemp -d)
export LEVQOR_SQL_DIRECTORY=${LEVQOR_SQL_DIRECTORY:-$root/sql}
unset LEVQOR_DATABASE_URL LEVQOR_ENVIRONMENT

run_sql() {
    "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -d "$(url_for "$superuser_url" "$1")" "${@:2}"
}

clean_up() {
    rm -rf "$work"
    run_sql postgres -c 'set client_min_messages = warning' \
        -c "drop database if exists $source_name with (force)" -c "drop database if exists $target_name with (force)"
}
trap clean_up EXIT

migrate() {
    LEVQOR_DEPLOY_URL=$(url_for "$superuser_url" "$1") "$server" migrate
}

make_data() {
    run_sql "$1" << 'SQL'
select u.user_id from identity.upsert_user('ada@example.com', 'Ada') as u;
insert into identity.account (name) values ('One Ltd'), ('Two Ltd');
select jobs.submit_job(a.id, 'w' || n % 3, jsonb_build_object('n', n), 'https://example.com/hook', 'normal')
from identity.account as a cross join generate_series(1, 20) as n;
create temp table claimed as select c.* from jobs.claim_jobs('one', p_max => 25) as c;
select jobs.complete_jobs(array_agg(c.id), array_agg(c.lease_token), array_agg('{"done": true}'::jsonb)) from claimed as c;
create temp table lost as select c.* from jobs.claim_jobs('two', p_max => 5) as c;
select jobs.fail_job(null, c.id, c.lease_token, '{"message": "no"}', false) from lost as c;
select jobs.claim_jobs('three', p_max => 5);
-- What an operator changed must come back as changed.
update limits.policy set quota = 77 where name = 'write-address';
SQL
    # Kept in no table: the text of a key from before the backup.
    run_sql "$1" -c "select k.key from keys.create_operator_key('kept') as k" > "$work/key"
}

# One line a table with rows and a sum over their texts, and one a sequence.
describe_rows() {
    local table
    while IFS= read -r table; do
        printf '%s ' "$table"
        run_sql "$1" -c "select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from $table as t"
    done < <(run_sql "$1" -c "select c.oid::regclass from pg_class as c where c.relkind = 'r'
        and pg_get_userbyid(c.relowner) = 'levqor_owner' order by c.oid::regclass::text collate \"C\"")
    run_sql "$1" -c "select s.schemaname || '.' || s.sequencename, s.last_value from pg_sequences as s order by 1"
}

describe_schema() {
    "$bin/pg_dump" --schema-only --dbname "$(url_for "$superuser_url" "$1")" | grep -vE '^\\(un)?restrict |^-- Dumped '
}

say "making a database with data"
clean_up
work=$(mktemp -d)
run_sql postgres -c "create database $source_name" -c "create database $target_name"
migrate "$source_name" > /dev/null
make_data "$source_name" > /dev/null
describe_rows "$source_name" > "$work/rows.before"
describe_schema "$source_name" > "$work/schema.before"

say "backing it up"
"$bin/pg_dump" --format custom --file "$work/levqor.dump" --dbname "$(url_for "$superuser_url" "$source_name")"
"$bin/pg_dumpall" --roles-only --no-role-passwords --dbname "$(url_for "$superuser_url" postgres)" > "$work/roles.sql"
grep -q '^CREATE ROLE levqor_owner' "$work/roles.sql" || die "the roles are not in pg_dumpall's output"

say "restoring it into another database"
"$bin/pg_restore" --exit-on-error --single-transaction --dbname "$(url_for "$superuser_url" "$target_name")" "$work/levqor.dump"
describe_rows "$target_name" > "$work/rows.after"
describe_schema "$target_name" > "$work/schema.after"
diff -u "$work/rows.before" "$work/rows.after" || die "rows differ after the restore"
diff -u "$work/schema.before" "$work/schema.after" || die "definitions differ after the restore"

say "deploying to what was restored"
migrate "$target_name" | tee "$work/migrate"
describe_schema "$target_name" | diff -u "$work/schema.before" - || die "the deploy changed what was restored"
if grep -q 'replayed\|migrated\|installed' "$work/migrate"; then
    die "the deploy found something to do: the record of what is deployed did not come back"
fi

say "taking a job through with a key from before the backup"
run_sql "$target_name" -v key="$(cat "$work/key")" << 'SQL' > "$work/job"
select r.id as route, r.version as version from http.route as r where r.path = '/api/v1/intake' \gset
set role levqor_server;
select h.status from http.handle_many(
    array['restored'], array[:route], array[:version], array[:'key'], array['192.0.2.1'], array['test'], array['{}'],
    array['{"workflow": "restored", "payload": {}}'], array['{}']::jsonb[]
) as h;
reset role;
select c.id, c.lease_token from jobs.claim_jobs('four', '{restored}') as c \gset
select j.status from jobs.complete_job(null, :'id', :lease_token, '1') as j;
select count(*) from (
    select t.lease_token
    from (
        select a.lease_token from jobs.attempt as a union all select o.lease_token from jobs.outcome as o
        union all select r.lease_token from jobs.running as r
    ) as t
    where t.lease_token is not null
    group by t.lease_token
    having count(*) > 1
) as twice;
SQL
[[ $(tr '\n' ' ' < "$work/job") == '202 succeeded 0 ' ]] || die "the job did not go through" "$(cat "$work/job")"
printf 'restore: ok, %s tables and sequences the same\n' "$(wc -l < "$work/rows.after")"
