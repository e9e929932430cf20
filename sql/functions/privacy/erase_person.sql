-- Erasure: forget a person, by the catalogue.
--
-- The work is done in resumable steps. A step goes through the catalogue from where the last one stopped, a table or partition
-- at a time and at most privacy.erase_rows rows a statement, until its time is over; what it did and where it stands commit
-- together, in privacy.erasure. So no lock is held for longer than a step, and whoever comes next, also after a crash, goes
-- on from there. Done is an erasure when a whole walk through the catalogue has found nothing any more: what came in while
-- it ran is found by that.
--
-- Locks: one advisory lock while an erasure begins; its row of privacy.erasure; the advisory lock of holds, shared; that of
-- each account whose analytics name the person, in the order of their ids and until the person is gone from them, which is
-- a step of its own; then the rows that are removed or changed.

select core.seed_error_codes('[
    {"sqlstate": "LQHLD", "status": 409, "slug": "legal-hold", "title": "A legal hold keeps it", "is_shown": true}
]');

select core.seed('core.setting', '{name}', s.setting)
from jsonb_array_elements('[
    {"name": "privacy.erase_rows", "value": 5000, "minimum": 1, "maximum": 1000000,
     "description": "whole number: how many rows a statement of an erasure removes or changes at most"},
    {"name": "privacy.erase_seconds", "value": 2, "minimum": 0, "maximum": 60,
     "description": "number of seconds after which a step of an erasure ends and the clock goes on with it"}
]') as s (setting);

create or replace function privacy.refuse_erasure_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' and current_setting('levqor.retention', true) = 'on' then
        return old;
    end if;
    raise exception using
        errcode = 'insufficient_privilege', message = 'an erasure that is done is proof: its row stays as it is',
        hint = 'Data retention removes it when it is old.';
end;
$$;
comment on function privacy.refuse_erasure_change() is
$$Trigger: refuse (42501) to change an erasure that is done, and to remove any but for data retention.$$;

create or replace trigger erasure_done_is_final
before update on privacy.erasure
for each row when (old.state = 'done') execute function privacy.refuse_erasure_change();
create or replace trigger erasure_stays
before delete on privacy.erasure
for each row execute function privacy.refuse_erasure_change();

create or replace function privacy.check_holds(p_subject privacy.subject)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold privacy.hold;
begin
    select h.* into v_hold from privacy.find_subject_holds(p_subject) as h limit 1;
    if found then
        raise exception using
            errcode = 'LQHLD',
            message = 'a legal hold keeps this person from being erased',
            detail = format('It is %s, placed on %s%s.', core.show_id('hold', v_hold.id), v_hold.placed_at::date,
                coalesce(' and reaching ' || v_hold.table_name, '')),
            hint = 'Release it first: privacy.release_hold().',
            schema = jsonb_build_object('hold_id', core.show_id('hold', v_hold.id))::text;
    end if;
end;
$$;
comment on function privacy.check_holds(privacy.subject) is
$$Refuse (LQHLD) to erase a person who is under a legal hold; the error names it.$$;

create or replace function privacy.find_erasure(p_subject privacy.subject)
returns privacy.erasure
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select f.erasure
    from (
        -- One that runs is the same when it reaches as far and knows the names: of less than is asked for now, it is another.
        select e as erasure, 0::bigint as place, e.id
        from privacy.erasure as e
        where e.state = 'running' and e.subject ->> 'scope' is not distinct from p_subject.scope::text
            and (e.pseudonym = p_subject.digests[1] or to_jsonb(p_subject.digests) <@ (e.subject -> 'digests'))
        union all
        select e, d.place, e.id
        from unnest(p_subject.digests) with ordinality as d (digest, place)
        inner join privacy.tombstone as t on t.digest = d.digest
        inner join privacy.erasure as e on e.id = t.erasure_id
        where e.state <> 'running'
    ) as f
    order by f.place, f.id desc
    limit 1
$$;
comment on function privacy.find_erasure(privacy.subject) is
$$The erasure by which a person went, found by any of the person's names, or is going; null: there is none.

One that is running is given only when it is of the same scope and knows all names that were found now.$$;

create or replace function privacy.begin_erasure(p_subject privacy.subject, p_reason text)
returns privacy.erasure
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_erasure privacy.erasure;
begin
    insert into privacy.erasure (pseudonym, requested_at, requested_by, reason, subject, catalogue_hash)
    values (
        p_subject.digests[1], core.now(), core.current_actor(), p_reason, to_jsonb(p_subject), privacy.hash_catalogue()
    )
    returning * into v_erasure;
    insert into privacy.tombstone as t (digest, kind, erasure_id, erased_at)
    select d.digest, d.kind, v_erasure.id, v_erasure.requested_at
    from (
        select privacy.hash_name('user', u.id::text), 'user'
        from (
            select unnest(p_subject.users)
            union
            select core.read_id('user', a.actor) from unnest(p_subject.actors) as a (actor)
        ) as u (id)
        where u.id is not null
        union
        select privacy.hash_name('address', coalesce(p_subject.scope || '/', '') || a.address), 'address'
        from unnest(p_subject.addresses) as a (address)
        union
        select privacy.hash_name('identifier', i.identifier), 'identifier' from unnest(p_subject.identifiers) as i (identifier)
        union
        select privacy.hash_name('person', p.account_id || '/' || p.person_id), 'person'
        from unnest(p_subject.person_accounts, p_subject.persons) as p (account_id, person_id)
    ) as d (digest, kind)
    where d.digest is not null
    order by d.digest
    on conflict on constraint tombstone_pkey do update
    set
        erasure_id = excluded.erasure_id, erased_at = excluded.erased_at, kind = excluded.kind,
        -- By another erasure that still runs the name has gone already.
        last_seq = case
            when exists (select from privacy.erasure as e where e.id = t.erasure_id and e.state = 'running') then t.last_seq
        end;
    perform audit.record('privacy.begin_erasure', core.show_id('erasure', v_erasure.id), p_subject.scope);
    perform core.hint('schedule');
    return v_erasure;
end;
$$;
comment on function privacy.begin_erasure(privacy.subject, text) is
$$Write down that a person is to be erased, and the keyed hashes of all the person's names. The clock does the rest, or
privacy.step_erasure().$$;

create or replace function privacy.add_count(p_counts jsonb, p_table text, p_way text, p_rows bigint)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case when p_rows = 0 then p_counts else p_counts || jsonb_build_object(
        p_table, coalesce(p_counts -> p_table, '{}') || jsonb_build_object(
            p_way, coalesce((p_counts -> p_table ->> p_way)::bigint, 0) + p_rows
        )
    ) end
$$;
comment on function privacy.add_count(jsonb, text, text, bigint) is
$$Add rows to the counts of an erasure: {"schema.table": {"delete": 3}}.$$;

create or replace function privacy.finish_erasure(p_erasure privacy.erasure, p_subject privacy.subject)
returns privacy.erasure
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row record;
    v_erasure privacy.erasure := p_erasure;
begin
    for v_row in select c.* from privacy.count_rows(p_subject) as c where c.way = 'keep' and c.rows > 0 loop
        v_erasure.counts := privacy.add_count(v_erasure.counts, v_row.table_name, 'keep', v_row.rows);
    end loop;
    v_erasure.state := 'done';
    v_erasure.finished_at := core.now();
    v_erasure.subject := null;
    v_erasure.done := '{}';
    v_erasure.held_by := null;
    v_erasure.certificate := privacy.hash_certificate(v_erasure);
    update privacy.erasure as e
    set
        state = v_erasure.state, finished_at = v_erasure.finished_at, subject = null, done = '{}', held_by = null,
        counts = v_erasure.counts, certificate = v_erasure.certificate
    where e.id = v_erasure.id;
    perform audit.record(
        'privacy.erase', core.show_id('erasure', v_erasure.id), p_subject.scope,
        jsonb_build_object('certificate', v_erasure.certificate, 'counts', v_erasure.counts)
    );
    return v_erasure;
end;
$$;
comment on function privacy.finish_erasure(privacy.erasure, privacy.subject) is
$$End an erasure: count what is kept, forget whom it was about, write the certificate, and its hash into the audit trail.$$;

create or replace function privacy.waits_for_webhooks(p_erasure privacy.erasure)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select
        from inbox.delivery as t
        cross join jsonb_populate_record(null::privacy.subject, p_erasure.subject) as s
        where p_erasure.state = 'running' and t.state = 'waiting' and t.received_at <= p_erasure.requested_at
            and (s.scope is null or t.account_id = s.scope) and privacy.mentions(t.body, s.addresses)
    ) and exists (
        select
        from privacy.column_rule as r
        where r.table_name = 'inbox.delivery' and r.path = 'mention' and r.way <> 'keep'
    )
$$;
comment on function privacy.waits_for_webhooks(privacy.erasure) is
$$Whether webhooks that name the person, and came before the erasure was asked for, are still to be handled: what they say goes after
that, and so the erasure is not done before.$$;

create or replace function privacy.stands_still(p_erasure privacy.erasure)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select p_erasure.held_by is not null
        or p_erasure.pass_rows = 0 and cardinality(p_erasure.done) > 0 and privacy.waits_for_webhooks(p_erasure)
$$;
comment on function privacy.stands_still(privacy.erasure) is
$$Whether another step at once would do nothing: a legal hold is in the way, or webhooks that are still to be handled.$$;

create or replace function privacy.step_erasure(p_id uuid, p_seconds double precision default null)
returns privacy.erasure
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_until timestamptz := clock_timestamp()
        + make_interval(secs => coalesce(p_seconds, (core.setting('privacy.erase_seconds') #>> '{}')::double precision));
    v_limit integer := core.integer_setting('privacy.erase_rows');
    v_erasure privacy.erasure;
    v_subject privacy.subject;
    v_hold_id uuid;
    v_part record;
    v_rows bigint;
    v_has_walked boolean := false;
begin
    perform core.lock_holds(p_is_shared => true);
    select e.* into v_erasure from privacy.erasure as e where e.id = p_id for update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such erasure';
    elsif v_erasure.state = 'done' then
        return v_erasure;
    end if;
    v_subject := jsonb_populate_record(null::privacy.subject, v_erasure.subject);
    -- A hold that was placed since it began.
    select h.id into v_hold_id from privacy.find_subject_holds(v_subject) as h limit 1;
    if v_hold_id is not null or v_erasure.held_by is not null then
        update privacy.erasure as e set held_by = v_hold_id where e.id = p_id returning e.* into v_erasure;
        if v_hold_id is not null then
            return v_erasure;
        end if;
    end if;
    perform set_config('levqor.retention', 'on', true);

    for v_part in
        select l as lookup, p.leaf, concat_ws(' ', l.table_name, l.path, p.leaf::text) as name,
            (
                select case
                    when bool_or(r.way = 'delete') then 'delete' when bool_or(r.way = 'anonymise') then 'anonymise' else 'detach'
                end
                from privacy.column_rule as r
                where r.table_name = l.table_name and r.path = l.path
            ) as way
        from privacy.lookup as l
        cross join lateral (
            select x.leaf from privacy.list_leaves(l.table_name) as x (leaf) where l.handler is null
            union all
            select null where l.handler is not null
        ) as p (leaf)
        where privacy.concerns(l, v_subject) and exists (
            select from privacy.column_rule as r where r.table_name = l.table_name and r.path = l.path and r.way <> 'keep'
        )
        order by l.position, l.table_name, l.path, p.leaf::text
    loop
        continue when v_part.name = any (v_erasure.done);
        v_has_walked := true;
        if v_part.name like 'growth.identifier person %' and v_erasure.pass = 1 then
            -- From here to the end of this step nobody adds events of the person, or merges it; later nobody finds it.
            perform growth.lock_account(a.id)
            from (select distinct p.id from unnest(v_subject.person_accounts) as p (id) order by p.id) as a;
            update privacy.tombstone as t
            set last_seq = (select s.last_value from growth.event_seq as s)
            where (t.erasure_id = p_id or t.digest = any (v_subject.digests)) and t.last_seq is null;
        end if;
        loop
            if (v_part.lookup).handler is not null then
                execute format('select %s($1, $2)', (v_part.lookup).handler) into v_rows using v_subject, v_limit;
            else
                v_rows := privacy.erase_rows(v_part.lookup, v_part.leaf, v_subject, v_limit);
            end if;
            v_erasure.counts := privacy.add_count(v_erasure.counts, (v_part.lookup).table_name, v_part.way, v_rows);
            v_erasure.pass_rows := v_erasure.pass_rows + v_rows;
            -- Fewer than asked for: there are no more.
            exit when v_rows < v_limit or clock_timestamp() >= v_until;
        end loop;
        if v_rows < v_limit then
            v_erasure.done := v_erasure.done || v_part.name;
        end if;
        if clock_timestamp() >= v_until or v_rows >= v_limit
            or v_part.name like 'growth.person person%' and cardinality(v_subject.persons) > 0 and v_erasure.pass = 1
        then
            perform set_config('levqor.retention', 'off', true);
            update privacy.erasure as e
            set counts = v_erasure.counts, pass_rows = v_erasure.pass_rows, done = v_erasure.done
            where e.id = p_id;
            return v_erasure;
        end if;
    end loop;
    perform set_config('levqor.retention', 'off', true);
    if v_erasure.pass_rows = 0 and privacy.waits_for_webhooks(v_erasure) then
        -- The whole walk is noted as done: the next step looks whether to wait on, and walks again when it need not.
        update privacy.erasure as e
        set counts = v_erasure.counts, pass_rows = 0, done = v_erasure.done
        where e.id = p_id;
        return v_erasure;
    end if;
    -- One that was handled just now is still there.
    if v_erasure.pass_rows = 0 and v_has_walked and not privacy.has_rows('inbox.delivery', v_subject) then
        return privacy.finish_erasure(v_erasure, v_subject);
    end if;
    update privacy.erasure as e
    set counts = v_erasure.counts, pass = e.pass + 1, pass_rows = 0, done = '{}'
    where e.id = p_id
    returning e.* into v_erasure;
    return v_erasure;
end;
$$;
comment on function privacy.step_erasure(uuid, double precision) is
$$Go on with an erasure for a while, in this transaction; gives where it stands then. What a step did is committed with where it
stands, so a step that is undone, or broken off by a crash, is done again.

p_seconds: after so long it ends, at the next table; null: the setting privacy.erase_seconds. A step that takes the person out of the
analytics ends at once, to let go of the account. An erasure under a legal hold stands still (held_by) until it is released; one that
has nothing else left to do, until webhooks that name the person and wait have been handled. Raises LQ404.$$;

create or replace function privacy.erase_due()
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
    v_erasure privacy.erasure;
begin
    -- Those that stand still come last, any of them, and do not keep the others waiting.
    select e.id into v_id
    from privacy.erasure as e
    cross join lateral privacy.stands_still(e) as s (is_still)
    where e.state = 'running'
    order by s.is_still, case when s.is_still then random() end, e.id
    limit 1
    for update of e skip locked;
    if v_id is null then
        return '{"rows": 0, "more": false}';
    end if;
    v_erasure := privacy.step_erasure(v_id);
    return jsonb_build_object(
        'rows', v_erasure.pass_rows,
        'more', v_erasure.held_by is null and exists (
            select from privacy.erasure as e where e.state = 'running' and not privacy.stands_still(e)
        ),
        'state', '{}'::jsonb
    );
end;
$$;
comment on function privacy.erase_due() is
$$The task of the clock: a step of the oldest erasure that is running, committed, and another at once while there is more to do.$$;

create or replace function privacy.show_plan(p_subject privacy.subject)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with counted as materialized (select c.* from privacy.count_rows(p_subject) as c)
    select jsonb_build_object(
        'tables', coalesce((
            select jsonb_agg(jsonb_build_object(
                'table', c.table_name, 'path', c.path, 'way', c.way, 'rows', c.rows, 'columns', c.columns, 'what', c.description
            ) order by c.table_name, c.path)
            from counted as c
            where c.way <> 'keep'
        ), '[]'),
        'kept', coalesce((
            select jsonb_agg(jsonb_build_object(
                'table', c.table_name, 'path', c.path, 'rows', c.rows, 'what', c.description,
                'columns', (
                    select jsonb_object_agg(r.column_name, jsonb_build_object('basis', r.basis, 'reason', r.reason))
                    from privacy.column_rule as r
                    where r.table_name = c.table_name and r.path = c.path
                )
            ) order by c.table_name, c.path)
            from counted as c
            where c.way = 'keep'
        ), '[]'),
        'holds', coalesce((
            select jsonb_agg(jsonb_build_object(
                'hold_id', core.show_id('hold', h.id), 'table', h.table_name, 'placed_at', h.placed_at, 'until', h.until_at
            ) order by h.placed_at, h.id)
            from privacy.find_subject_holds(p_subject) as h
        ), '[]'),
        'rows', coalesce((select sum(c.rows) from counted as c where c.way <> 'keep'), 0)
    )
$$;
comment on function privacy.show_plan(privacy.subject) is
$$What an erasure would do, as JSON: by table and column the rows and the way, what is kept and on what basis, and the legal holds in
its way. Holds no personal data.$$;

create or replace function privacy.show_erasure(p_erasure privacy.erasure)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'erasure_id', core.show_id('erasure', p_erasure.id),
        'state', case when p_erasure.held_by is not null then 'held' else p_erasure.state end,
        'hold_id', core.show_id('hold', p_erasure.held_by),
        'subject', encode(p_erasure.pseudonym, 'hex'),
        'reason', p_erasure.reason,
        'counts', p_erasure.counts,
        'pass', p_erasure.pass,
        'catalogue', p_erasure.catalogue_hash,
        'certificate', p_erasure.certificate,
        'requested_at', p_erasure.requested_at,
        'finished_at', p_erasure.finished_at
    )
$$;
comment on function privacy.show_erasure(privacy.erasure) is
$$Where an erasure stands, as JSON. Holds no personal data.$$;

create or replace function privacy.erase_person(
    p_user_id uuid default null,
    p_email text default null,
    p_account_id uuid default null,
    p_identifier text default null,
    p_is_anonymous boolean default false,
    p_person_id bigint default null,
    p_is_dry_run boolean default true,
    p_reason text default null,
    p_seconds double precision default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_seconds double precision := coalesce(p_seconds, (core.setting('privacy.erase_seconds') #>> '{}')::double precision);
    v_until timestamptz := clock_timestamp() + make_interval(secs => v_seconds);
    v_subject privacy.subject;
    v_plan jsonb;
    v_erasure privacy.erasure;
begin
    if p_is_dry_run is false then
        -- Two that ask for the same person: the second finds what the first has begun.
        perform pg_advisory_xact_lock(hashtextextended('privacy.erase_person', 0));
    end if;
    v_subject := privacy.find_subject(p_user_id, p_email, p_account_id, p_identifier, p_is_anonymous, p_person_id);
    v_erasure := privacy.find_erasure(v_subject);
    if v_erasure.state is distinct from 'running' then
        v_plan := privacy.show_plan(v_subject);
        if (v_plan ->> 'rows')::bigint = 0 and v_erasure.id is not null then
            return privacy.show_erasure(v_erasure);
        elsif p_is_dry_run is not false then
            return jsonb_build_object('state', 'dry-run', 'subject', encode(v_subject.digests[1], 'hex')) || v_plan;
        elsif (v_plan ->> 'rows')::bigint = 0 then
            raise exception using
                errcode = 'LQ404', message = 'nothing is held about this person',
                hint = 'Look at the name that was given; an identifier is compared as it was sent.';
        end if;
        perform privacy.check_holds(v_subject);
        v_erasure := privacy.begin_erasure(v_subject, p_reason);
    elsif p_is_dry_run is not false then
        return privacy.show_erasure(v_erasure);
    end if;
    while v_erasure.state = 'running' and clock_timestamp() < v_until loop
        v_erasure := privacy.step_erasure(v_erasure.id, extract(epoch from v_until - clock_timestamp())::double precision);
        exit when privacy.stands_still(v_erasure);
    end loop;
    return privacy.show_erasure(v_erasure);
end;
$$;
comment on function privacy.erase_person(uuid, text, uuid, text, boolean, bigint, boolean, text, double precision) is
$$Erase a person, or see what that would do: select privacy.erase_person(p_email => 'ann@example.org', p_is_dry_run => false).

The person is named as in privacy.find_subject(). Without p_is_dry_run => false nothing changes, and the answer says by table and column
what would. It works for p_seconds (null: privacy.erase_seconds; 0: not at all) in this transaction; what is left then (state running) is
done by the clock. Asked for again, it goes on, or gives the same certificate; somebody who has come again since is erased again.
p_reason: why, without personal data. Raises LQ404 when nothing is held, LQ422, and LQHLD under a legal hold, which it names.$$;

select core.seed('schedule.task', '{name}', '{"name": "privacy-erase", "function": "privacy.erase_due", "every": "10 seconds",
    "is_alone": true, "timeout": "5 minutes", "max_attempts": 5, "retry_after": "10 seconds",
    "description": "go on with erasures of persons"}');
