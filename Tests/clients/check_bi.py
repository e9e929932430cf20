"""BI tools as levqor_bi: SQLAlchemy's inspector, dbt, and every other relation and function tried."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import psycopg
import sqlalchemy
from harness import Client, wait_for
from psycopg.conninfo import conninfo_to_dict
from run import check

PROJECT = Path(__file__).resolve().parent / "dbt"
KEYS = ["definition", "unit", "grain", "time zone", "freshness"]
# Some of each; the request and the runs of tasks come by themselves.
SAMPLE = """
select a.id as account from identity.create_account('BI') as a (id) \\gset
select u.user_id from identity.upsert_user('bi@example.com', 'Bi', 'en-GB', 'EUR') as u;
select jobs.submit_job(:'account', 'bi', '{}') from generate_series(1, 3);
insert into jobs.hour (account_id, workflow, hour, submitted, succeeded, failed, canceled)
select :'account', 'bi', date_trunc('hour', now()) - n * interval '7 hours', n, n, 0, 0
from generate_series(1, 30) as n;
select alerts.raise('warning', 'clients.bi', 'something to look at', p_account_id => :'account');
select (ledger.open_account(a.code, 'EUR', a.category, p_account_id => :'account')).id
from (values ('cash', 'asset'), ('revenue', 'revenue'), ('fees', 'fees')) as a (code, category);
select (ledger.transfer(
    t.giver, t.taker, t.part * n, 'EUR', p_event_at => now() - n * interval '3 days', p_account_id => :'account'
)).id
from generate_series(1, 20) as n
cross join (values ('revenue', 'cash', 1000), ('cash', 'fees', 30)) as t (giver, taker, part);
select growth.ingest_events(:'account', jsonb_agg(jsonb_build_object(
    'id', gen_random_uuid(), 'name', case n % 3 when 0 then 'signup' else 'visit' end,
    'event_at', now() - n * interval '5 hours', 'user_id', 'person-' || n % 11,
    'source', case n % 2 when 0 then 'ad' else 'direct' end, 'is_consented', true
)))
from generate_series(1, 100) as n;
"""


def run(context) -> str:
    server = context.server
    Client(context.url, context.key).call("GET", "/api/v1/jobs").expect(200)
    server.sql(SAMPLE)
    wait_for(
        "the access record", 20, lambda: int(server.sql("select count(*) from access.request where route <> 'none'"))
    )
    server.sql("select bi_store.refresh_all()")
    # By the machine's superuser, as an operator does it.
    server.sql("alter role levqor_bi login", machinery=False)
    url = server.database_url()
    place = conninfo_to_dict(url) | {"user": "levqor_bi"}

    views = check_inspector(server, place)
    denied = check_rights(url, place)
    check_session(place)
    tests = check_dbt(context, place)
    check_clock(server)
    return f"{views} views with all they say, {denied} other objects refused, dbt: {tests}"


def check_inspector(server, place) -> int:
    """All views, each with its columns, the types and the comments, as Superset and others find them."""
    engine = sqlalchemy.create_engine("postgresql+psycopg://", connect_args=place)
    inspector = sqlalchemy.inspect(engine)
    found = set(inspector.get_view_names(schema="bi"))
    expected = set(
        server.sql("select relname from pg_class where relnamespace = 'bi'::regnamespace and relkind <> 'i'").split()
    )
    check(found == expected, f"the inspector sees {sorted(found ^ expected)} amiss")
    check(len(found) > 20, f"there are only {len(found)} views")
    check(inspector.get_table_names(schema="bi") == [], "there are tables in bi")
    check(inspector.get_materialized_view_names(schema="bi") == [], "there are materialized views in bi")
    with engine.connect() as connection:
        for view in sorted(found):
            check_comment(view, inspector.get_table_comment(view, schema="bi")["text"])
            columns = inspector.get_columns(view, schema="bi")
            for column in columns:
                name = f"{view}.{column['name']}"
                check_comment(name, column["comment"])
                check(not isinstance(column["type"], sqlalchemy.types.NullType), f"{name} has an unknown type")
                is_time = isinstance(column["type"], sqlalchemy.types.DateTime)
                check(is_time == column["name"].endswith("_at"), f"{name} has the type {column['type']}")
                check(not is_time or column["type"].timezone, f"{name} has no time zone")
            table = sqlalchemy.Table(view, sqlalchemy.MetaData(), schema="bi", autoload_with=connection)
            connection.execute(sqlalchemy.select(table).limit(5)).fetchall()
    engine.dispose()
    return len(found)


def check_comment(name: str, comment: str | None):
    lines = (comment or "").splitlines()
    found = [line.split(": ", 1)[0] for line in lines if re.fullmatch(r"[a-z ]+: \S.*", line)]
    check(found == KEYS, f"{name} says {comment!r}")


def check_rights(url: str, place) -> int:
    """Tries every relation outside of bi and every function of the product: each must be refused, by the server."""
    with psycopg.connect(url) as owner:
        relations = owner.execute("""
            select format('%I.%I', n.nspname, c.relname)
            from pg_class as c
            join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'v', 'm') and n.nspname <> 'bi'
                and pg_get_userbyid(c.relowner) = 'levqor_owner'
        """).fetchall()
        functions = owner.execute("""
            select format('%I.%I', n.nspname, p.proname), array(
                select format_type(a.oid, null)
                from unnest(p.proargtypes::oid[]) with ordinality as a (oid, n)
                order by a.n
            )
            from pg_proc as p
            join pg_namespace as n on n.oid = p.pronamespace
            where pg_get_userbyid(p.proowner) = 'levqor_owner' and p.prorettype <> 'trigger'::regtype
        """).fetchall()
    check(len(relations) > 50 and len(functions) > 200, f"{len(relations)} relations, {len(functions)} functions")
    statements = [f"select from {name} limit 1" for (name,) in relations]
    statements += [f"select {name}({', '.join(f'null::{t}' for t in types)})" for name, types in functions]
    statements += ["select nextval('jobs.lease_token')", "create table bi.mine ()", "create temp table mine ()"]
    statements += [
        "update bi.dim_tiers set tier = 'x'",
        "set role levqor_dba",
        "set role levqor_owner",
        "copy bi.dim_tiers to '/x'",
    ]
    refused = {"42501", "25006"}
    with psycopg.connect(**place, autocommit=True) as login:
        for statement in statements:
            state = None
            try:
                login.execute(statement)
            except psycopg.Error as error:
                state = error.sqlstate
            check(state in refused, f"{statement}: {state or 'it was done'}")
        # Read only is a courtesy that a session may end; its rights are the wall.
        login.execute("set default_transaction_read_only = off")
        for statement in ["create table bi.mine ()", "update bi.dim_tiers set tier = 'x'", "create schema mine"]:
            try:
                login.execute(statement)
                state = "it was done"
            except psycopg.Error as error:
                state = error.sqlstate
            check(state == "42501", f"{statement} with write access: {state}")
    return len(statements)


def check_session(place):
    """A forgotten query or transaction ends by itself."""
    with psycopg.connect(**place, autocommit=True) as login:
        settings = dict(
            login.execute(
                "select name, setting from pg_settings where name in "
                "('statement_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only')"
            ).fetchall()
        )
        limit = login.execute("select rolconnlimit from pg_roles where rolname = current_user").fetchone()[0]
        check(
            settings
            == {
                "statement_timeout": "60000",
                "idle_in_transaction_session_timeout": "60000",
                "default_transaction_read_only": "on",
            },
            f"a session begins with {settings}",
        )
        check(limit == 20, f"levqor_bi may have {limit} connections")
        login.execute("set statement_timeout = '100ms'")
        try:
            login.execute("select count(*) from bi.dim_dates as a, bi.dim_dates as b, bi.dim_dates as c")
            check(False, "a long query ran on")
        except psycopg.errors.QueryCanceled:
            pass


def check_dbt(context, place) -> str:
    """The project of sources and tests is green, and turns red where a rule is broken."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_", "LEVQOR_"))
        }
        environment |= {
            "LEVQOR_BI_HOST": place["host"],
            "LEVQOR_BI_PORT": str(place.get("port", 5432)),
            "LEVQOR_BI_DATABASE": place["dbname"],
            "DBT_TARGET_PATH": folder,
            "DBT_LOG_PATH": folder,
        }

        def dbt(*command: str) -> subprocess.CompletedProcess:
            options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--no-use-colors"]
            return subprocess.run(
                [context.dbt, *command, *options],
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                cwd=folder,
            )

        done = dbt("test")
        check(done.returncode == 0, f"dbt test: {done.stdout[-3000:]}{done.stderr[-1000:]}")
        results = json.loads((Path(folder) / "run_results.json").read_text())["results"]
        passed = [result for result in results if result["status"] == "pass"]
        check(len(passed) == len(results) > 100, f"{len(passed)} of {len(results)} tests passed")
        done = dbt("source", "freshness")
        check(done.returncode == 0, f"dbt source freshness: {done.stdout[-3000:]}{done.stderr[-1000:]}")

        context.server.sql(
            "insert into quota.tier (name) values ('unheard-of'); "
            "update identity.account set tier = 'unheard-of' where name = 'BI'; "
            "select bi_store.refresh_one('accounts'); "
            "update identity.account set tier = 'sandbox' where name = 'BI'; "
            "delete from quota.tier where name = 'unheard-of'"
        )
        done = dbt("test", "--select", "source:bi.dim_accounts")
        context.server.sql("select bi_store.refresh_one('accounts')")
        check(
            done.returncode == 1
            and "relationships_bi_dim_accounts_tier" in done.stdout
            and "Got 1 result" in done.stdout,
            f"a broken rule was not found: {done.stdout[-2000:]}",
        )
    return f"{len(passed)} tests"


def check_clock(server):
    """The server's clock keeps the views fresh."""
    server.sql("delete from bi_store.refresh; select schedule.run_now('bi-refresh')")
    wait_for(
        "the clock to refresh every view",
        60,
        lambda: server.sql("select bool_and(refreshed_at is not null) and count(*) > 10 from bi.refreshes") == "t",
    )
