-- What stays known of who was erased, as keyed hashes: that an address gets no mail, and that a name is not to come back by
-- events from before.

create or replace function privacy.conceal_suppressions(p_subject privacy.subject, p_limit integer)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows bigint;
begin
    with gone as (
        delete from mail.suppression as s
        where p_subject.scope is null and (s.address, s.reason) in (
            select n.address, n.reason
            from mail.suppression as n
            where n.address = any (p_subject.addresses)
            limit p_limit
        )
        returning s.address, s.reason, s.created_at
    ), kept as (
        insert into privacy.suppressed_address as k (digest, reason, suppressed_at)
        select privacy.hash_name('address', g.address), g.reason, g.created_at
        from gone as g
        where privacy.hash_name('address', g.address) is not null
        order by 1, 2
        on conflict on constraint suppressed_address_pkey do nothing
    )
    select count(*) into v_rows from gone;
    return v_rows;
end;
$$;
comment on function privacy.conceal_suppressions(privacy.subject, integer) is
$$Handler of the catalogue: of addresses that get no mail, keep a keyed hash alone.$$;

create or replace function privacy.leave_out_erased()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_reason text;
begin
    if new.state = 'queued' and exists (select from privacy.suppressed_address) then
        select s.reason into v_reason
        from privacy.suppressed_address as s
        where s.digest = privacy.hash_name('address', new.address) and (
            s.reason <> 'unsubscribe'
            or (select c.is_marketing from mail.class as c where c.name = new.class)
        )
        order by s.reason
        limit 1;
        if found then
            new.state := 'left-out';
            new.reason := v_reason;
            new.finished_at := core.now();
        end if;
    end if;
    return new;
end;
$$;
comment on function privacy.leave_out_erased() is
$$Trigger of mail.message: a mail to an address that got none before its person was erased is left out.$$;

create or replace trigger message_to_erased_is_left_out
before insert on mail.message
for each row execute function privacy.leave_out_erased();

create or replace function privacy.unsuppress_erased(p_address text)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows integer;
begin
    delete from privacy.suppressed_address as s
    where s.digest = privacy.hash_name('address', mail.read_address(p_address, 'address'));
    get diagnostics v_rows = row_count;
    return v_rows;
end;
$$;
comment on function privacy.unsuppress_erased(text) is
$$Let an address get mail again that got none when its person was erased: it belongs to somebody who wants mail. Gives how many reasons
were lifted. Raises LQ422 for what is no address.$$;

-- An erased name that comes again is a new person, from then on. What happened before the erasure and comes late, out of a
-- sender's queue, would undo it: such events are removed, and the person too, when nothing else is left of it.
create or replace function privacy.note_returned()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Nobody is erased in most deployments: one look, and no hash.
    if exists (select from privacy.tombstone) then
        insert into privacy.returned_identifier as r (account_id, is_anonymous, identifier, erased_at, last_seq, seen_at)
        select n.account_id, n.is_anonymous, n.identifier, t.erased_at, t.last_seq, core.now()
        from added as n
        cross join privacy.hash_key as k
        -- As privacy.hash_name() has it, without a call for each row.
        inner join privacy.tombstone as t on t.digest = inbox.hmac_sha256(
            k.key, convert_to(E'identifier\n' || n.account_id || '/' || n.is_anonymous || '/' || n.identifier, 'UTF8')
        )
        where t.last_seq is not null
        order by n.account_id, n.is_anonymous, n.identifier
        on conflict on constraint returned_identifier_pkey do update
        set erased_at = excluded.erased_at, last_seq = excluded.last_seq, seen_at = excluded.seen_at;
    end if;
    return null;
end;
$$;
comment on function privacy.note_returned() is
$$Trigger of growth.identifier: note names that were erased and come again.$$;

create or replace trigger identifier_may_be_erased
after insert on growth.identifier
referencing new table as added
for each statement execute function privacy.note_returned();

create or replace function privacy.remove_late_events(p_limit integer default 1000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_late record;
    v_times timestamptz[];
    v_removed bigint := 0;
begin
    for v_late in
        select r.account_id, i.person_id, max(r.erased_at) as erased_at, max(r.last_seq) as last_seq
        from privacy.returned_identifier as r
        inner join growth.identifier as i
            on i.account_id = r.account_id and i.is_anonymous = r.is_anonymous and i.identifier = r.identifier
        where exists (
            -- What came before the erasure was somebody else's, who has the name now.
            select from growth.event as e
            where e.account_id = r.account_id and e.person_id = i.person_id and e.event_at < r.erased_at and e.seq > r.last_seq
        )
        group by r.account_id, i.person_id
        order by r.account_id, i.person_id
    loop
        perform growth.lock_account(v_late.account_id);
        with gone as (
            delete from growth.event as e
            where e.account_id = v_late.account_id and e.person_id = v_late.person_id
                and (e.event_at, e.seq) in (
                    select l.event_at, l.seq
                    from growth.event as l
                    where l.account_id = v_late.account_id and l.person_id = v_late.person_id
                        and l.event_at < v_late.erased_at and l.seq > v_late.last_seq
                    order by l.event_at, l.seq
                    limit p_limit - v_removed
                )
            returning e.event_at
        )
        select array_agg(g.event_at) into v_times from gone as g;
        continue when v_times is null;
        perform privacy.note_stale_times(array_fill(v_late.account_id, array[cardinality(v_times)]), v_times);
        perform growth.recount_person(v_late.account_id, v_late.person_id);
        -- Nothing but late events was there: the name goes again.
        delete from growth.person as p
        where p.account_id = v_late.account_id and p.person_id = v_late.person_id and p.first_event_at is null
            and not exists (
                select from growth.event as e where e.account_id = p.account_id and e.person_id = p.person_id
            );
        v_removed := v_removed + cardinality(v_times);
        exit when v_removed >= p_limit;
    end loop;
    delete from privacy.returned_identifier as r
    where r.seen_at < core.now() - make_interval(days => core.integer_setting('privacy.late_days')::integer);
    return v_removed;
end;
$$;
comment on function privacy.remove_late_events(integer) is
$$Remove events that came under an erased name after the erasure and tell of the time before it, and count their persons again. The task
of the clock. Gives how many events were removed, at most p_limit.$$;

select core.seed('core.setting', '{name}', '{"name": "privacy.late_days", "value": 32, "minimum": 1, "maximum": 3650,
    "description": "whole number of days for which a name that was erased and came again is watched for events from before the erasure"}');
select core.seed('schedule.task', '{name}', '{"name": "privacy-late-events", "function": "privacy.remove_late_events",
    "every": "1 minute", "is_alone": true, "description": "remove events that came late about persons who were erased"}');
