-- What the clock looks for, because those who know of it stand on lower floors and can raise nothing: tasks that are late or fail,
-- webhooks that come in, endpoints that were disabled, messages given up, receivers that take no outcome. Each raises an alert and resolves it when it is over.
--
-- Locks: as in raise.sql; rows of disabled endpoints, passed over when somebody has them.

create or replace function alerts.watch_schedule()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem record;
    v_present text[] := '{}';
begin
    for v_problem in
        select p.level, p.message, p.facts || jsonb_build_object('since', p.since, 'count', p.count) as facts, p.fingerprint
        from schedule.list_problems() as p
    loop
        v_present := v_present || v_problem.fingerprint;
        perform alerts.raise(
            v_problem.level, 'schedule', v_problem.message, v_problem.facts, p_fingerprint => v_problem.fingerprint
        );
    end loop;
    perform alerts.resolve(a.fingerprint, p_comment => 'no longer a problem')
    from alerts.alert as a
    where a.source = 'schedule' and a.state <> 'resolved' and a.account_id is null and not a.fingerprint = any (v_present)
    order by a.fingerprint;
    return cardinality(v_present);
end;
$$;
comment on function alerts.watch_schedule() is
$$Raise an alert for each row of schedule.list_problems(), and resolve those whose row is gone. A task of the clock. Gives how many
problems there are.$$;

create or replace function alerts.watch_inbox()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_problem record;
    v_present text[] := '{}';
begin
    for v_problem in
        select p.level, p.message, p.facts || jsonb_build_object('since', p.since, 'count', p.count) as facts, p.fingerprint
        from inbox.list_problems() as p
    loop
        v_present := v_present || v_problem.fingerprint;
        perform alerts.raise(
            v_problem.level, 'inbox', v_problem.message, v_problem.facts, p_fingerprint => v_problem.fingerprint
        );
    end loop;
    perform alerts.resolve(a.fingerprint, p_comment => 'no longer a problem')
    from alerts.alert as a
    where a.source = 'inbox' and a.state <> 'resolved' and a.account_id is null and not a.fingerprint = any (v_present)
    order by a.fingerprint;
    return cardinality(v_present);
end;
$$;
comment on function alerts.watch_inbox() is
$$Raise an alert for each row of inbox.list_problems(), and resolve those whose row is gone. A task of the clock. Gives how many
problems there are.$$;

create or replace function alerts.watch_receivers()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
    v_receivers text[];
begin
    select count(*), array_agg(distinct r.receiver order by r.receiver) into v_count, v_receivers
    from outbox.receipt as r
    where r.due_at = 'infinity';
    if v_count > 0 then
        perform alerts.raise(
            'error', 'outbox.receivers', format('%s outcomes of messages are taken by no receiver', v_count),
            jsonb_build_object('outcomes', v_count, 'receivers', v_receivers[1:10]), p_fingerprint => 'outbox.receivers'
        );
    else
        perform alerts.resolve('outbox.receivers', p_comment => 'all were taken');
    end if;
    return v_count;
end;
$$;
comment on function alerts.watch_receivers() is
$$Raise an alert (error) while there are rows of outbox.receipt whose receiver is not called any more, and resolve it then. A task of
the clock. Gives how many there are.$$;

create or replace function alerts.watch_endpoints(p_limit integer default 100)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint record;
    v_id text;
    v_owners text[];
    v_owner text;
    v_owners_told integer;
    v_error text;
    v_told bigint := 0;
begin
    for v_endpoint in
        select e.account_id, e.id, e.url, e.disabled_at, e.disabled_reason, a.name as account_name
        from outbox.endpoint as e
        inner join identity.account as a on a.id = e.account_id
        where e.disabled_at is not null and (e.told_at is null or e.told_at < e.disabled_at) and e.removed_at is null
        order by e.account_id, e.id
        limit p_limit
        for no key update of e skip locked
    loop
        v_id := core.show_id('ep', v_endpoint.id);
        select array_agg(u.email order by u.email) into v_owners
        from identity.membership as m
        inner join identity.user as u on u.id = m.user_id
        where m.account_id = v_endpoint.account_id and m.role = 'owner';
        v_error := null;
        v_owners_told := 0;
        foreach v_owner in array coalesce(v_owners, '{}') loop
            begin
                perform mail.send(
                    v_endpoint.account_id, array[v_owner], 'endpoint-disabled', jsonb_build_object(
                        'endpoint_id', v_id, 'url', v_endpoint.url, 'reason', v_endpoint.disabled_reason,
                        'is_gone', v_endpoint.disabled_reason = 'gone', 'is_failing', v_endpoint.disabled_reason <> 'gone',
                        'disabled_at', alerts.show_time(v_endpoint.disabled_at), 'account', v_endpoint.account_name,
                        'account_id', core.show_id('acct', v_endpoint.account_id)
                    ),
                    'transactional', format('endpoint-disabled/%s/%s', v_id, extract(epoch from v_endpoint.disabled_at)),
                    p_source_domain => 'outbox', p_source_id => v_id
                );
                v_owners_told := v_owners_told + 1;
            exception
                when lock_not_available or deadlock_detected or serialization_failure then
                    raise;
                when others then
                    -- One mail that can not be made must not keep the others from theirs.
                    get stacked diagnostics v_error = message_text;
            end;
        end loop;
        perform alerts.raise(
            'info', 'outbox.endpoint', format('an endpoint of %s was disabled: %s', v_endpoint.account_name, v_endpoint.disabled_reason),
            jsonb_strip_nulls(jsonb_build_object(
                'endpoint_id', v_id, 'reason', v_endpoint.disabled_reason, 'disabled_at', v_endpoint.disabled_at,
                'owners_told', v_owners_told, 'error', v_error
            )),
            v_endpoint.account_id, 'outbox.endpoint/' || v_id
        );
        update outbox.endpoint as e
        set told_at = greatest(core.now(), v_endpoint.disabled_at)
        where e.account_id = v_endpoint.account_id and e.id = v_endpoint.id;
        v_told := v_told + 1;
    end loop;
    perform alerts.resolve(a.fingerprint, a.account_id, 'enabled again, or removed')
    from alerts.alert as a
    where a.source = 'outbox.endpoint' and a.state <> 'resolved' and a.account_id is not null and not exists (
        select from outbox.endpoint as e
        where e.account_id = a.account_id and e.id = core.read_id('ep', split_part(a.fingerprint, '/', 2))
            and e.disabled_at is not null and e.removed_at is null
    )
    order by a.account_id, a.fingerprint;
    return v_told;
end;
$$;
comment on function alerts.watch_endpoints(integer) is
$$Tell the owners of an account by mail of an endpoint that the product disabled, and raise an alert (info); resolve it when the
endpoint is enabled again or removed. A task of the clock. Gives how many endpoints were told of.$$;

create or replace function alerts.watch_dead_letters()
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most bigint := core.integer_setting('alerts.dead_letters_an_hour');
    v_dead bigint;
    v_accounts bigint;
begin
    select count(*), count(distinct d.account_id) into v_dead, v_accounts
    from outbox.dead_letter as d
    where d.died_at > core.now() - interval '1 hour';
    if v_dead > v_most then
        perform alerts.raise(
            'warning', 'outbox.dead-letters', format('%s messages were given up within an hour', v_dead),
            jsonb_build_object('messages', v_dead, 'accounts', v_accounts, 'most', v_most),
            p_fingerprint => 'outbox.dead-letters'
        );
    else
        perform alerts.resolve('outbox.dead-letters', p_comment => format('%s within an hour', v_dead));
    end if;
    return v_dead;
end;
$$;
comment on function alerts.watch_dead_letters() is
$$Raise an alert (warning) while more messages were given up within the last hour than the setting alerts.dead_letters_an_hour, and
resolve it then. A task of the clock. Gives how many were.$$;

select core.seed('core.setting', '{name}', '{
    "name": "alerts.dead_letters_an_hour", "value": 100, "minimum": 0, "maximum": 1000000000,
    "description": "whole number of messages that may be given up within an hour before an alert is raised"}');
