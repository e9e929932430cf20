-- A person with rows in many tables, for tests of erasure and export. Loaded into the schema test before the run.
\echo 1..0 # SKIP helpers, loaded before the run
set client_min_messages = warning;
create schema if not exists test;
grant usage on schema test to public;

create or replace function test.make_person(p_email text, p_name text default null, p_events integer default 3)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_operator uuid := identity.operator_account();
    v_user uuid := (select u.user_id from identity.upsert_user(p_email, p_name, p_meta => '{"town": "Bath"}') as u);
    v_actor text := core.show_id('user', v_user);
    v_account uuid := (select m.account_id from identity.membership as m where m.user_id = v_user order by m.created_at limit 1);
    v_company uuid := test.make_account('Company');
    v_job uuid;
    v_transfer uuid := core.new_id();
begin
    -- The person's own account: a key, jobs, endpoints, requests, money.
    perform test.make_key(v_account);
    perform jobs.submit_job(v_account, 'w', jsonb_build_object('email', p_email));
    perform outbox.send_webhook(v_account, 'https://example.org/' || p_email, 'thing.done', jsonb_build_object('email', p_email));
    perform access.make_day((core.now() at time zone 'UTC')::date);
    insert into access.request (at, account_id, key_id, micros, bytes_in, bytes_out, status, request_id, route)
    select date_trunc('day', core.now() at time zone 'UTC') at time zone 'UTC', v_account, k.id, 1, 1, 1, 200, 'req_' || v_actor, 'GET /x'
    from keys.api_key as k
    where k.account_id = v_account;
    insert into http.idempotency_key (account_id, key, fingerprint, state, request_id, status, headers, body, created_at, expires_at)
    values (v_operator, gen_random_uuid()::text, sha256(convert_to(p_email, 'UTF8')), 'done', 'r', 200, '{"Location": "/x"}',
        jsonb_build_object('user', jsonb_build_object('email', p_email))::text, core.now(), core.now() + interval '1 day');
    perform ledger.open_account('cash', 'GBP', 'asset', p_email, p_account_id => v_account);
    perform ledger.open_account('revenue', 'GBP', 'revenue', p_account_id => v_account);
    perform ledger.transfer('cash', 'revenue', 500, 'GBP', v_transfer, p_user_id => v_user, p_account_id => v_account);
    -- What the person did in a company's account.
    insert into identity.membership (account_id, user_id, role) values (v_company, v_user, 'admin');
    v_job := (jobs.submit_job(v_company, 'w', '{"of": "the company"}')).id;
    perform set_config('levqor.retention', 'on', true);
    with gone as (delete from jobs.submission as s where s.id = v_job returning s.*)
    insert into jobs.submission
    select (jsonb_populate_record(null::jobs.submission, to_jsonb(g) || jsonb_build_object('submitted_by', v_actor))).* from gone as g;
    perform set_config('levqor.retention', 'off', true);
    insert into audit.entry (account_id, happened_at, actor, action, target, facts)
    values (v_company, core.now(), v_actor, 'quota.set_tier', core.show_id('acct', v_company), '{"to": "pro"}');
    insert into audit.sensitive_call (happened_at, actor, request_id, route_id) values (core.now(), v_actor, 'r', 1);
    insert into alerts.silence (from_at, until_at, made_by, comment, created_at)
    values (core.now(), core.now() + interval '1 hour', v_actor, 'test', core.now());
    -- What the operator knows of the person.
    perform mail.send(v_operator, array[p_email], 'notice', jsonb_build_object(
        'title', 'Hi', 'message', 'there', 'level', 'info', 'source', 's', 'reason', 'r', 'url', 'https://example.org/'
    ));
    perform mail.suppress(p_email, 'unsubscribe');
    perform growth.ingest_events(v_operator, (
        select jsonb_agg(jsonb_build_object(
            'id', gen_random_uuid(), 'name', 'visit', 'anonymous_id', 'browser of ' || p_email, 'user_id', p_email,
            'event_at', core.now() - make_interval(days => n), 'properties', jsonb_build_object('email', p_email)
        ))
        from generate_series(1, p_events) as n
    ));
    insert into growth.referral (account_id, id, email, user_id, source, campaign, medium, first_at, last_at)
    values (v_operator, core.new_id(), p_email, v_user, 'friend', '', '', core.now(), core.now());
    return v_user;
end;
$$;
comment on function test.make_person(text, text, integer) is
$$Make a user who has rows in an account of the user's own, in a company's, and in the operator's. p_email: in lower case.$$;

create or replace function test.find_text(p_texts text[])
returns table (place text, rows bigint)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid::regclass
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_'
            and n.nspname not in ('information_schema', 'public', 'test')
        order by 1
    loop
        execute format(
            'select %L, count(*) from %s as t where exists (select from unnest($1) as x (text) where strpos(lower(t::text), lower(x.text)) > 0 '
            'or strpos(t::text, encode(convert_to(x.text, ''UTF8''), ''hex'')) > 0)', v_table, v_table
        )
        into place, rows using p_texts;
        if rows > 0 then
            return next;
        end if;
    end loop;
end;
$$;
comment on function test.find_text(text[]) is
$$Every table of the database that has rows in which one of these texts stands, in whatever column, also as bytes: what an erasure must
not leave.$$;

grant execute on all functions in schema test to public;
