-- What a person should look at.

create or replace function inbox.list_problems()
returns table (
    source text, kind text, level text, since timestamptz, count bigint, message text, fingerprint text, facts jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        s.name, p.kind, p.level, p.since, p.count, format(p.message, s.name, p.count), 'inbox/' || p.kind || '/' || s.name,
        jsonb_build_object('source', s.name, 'handler', s.handler, 'account_id', core.show_id('acct', s.account_id)) || p.facts
    from inbox.source as s
    cross join lateral (
        select
            'dead' as kind, 'error' as level, min(d.received_at) as since, count(*) as count,
            'deliveries of the source %s were given up: %s' as message,
            jsonb_build_object('deliveries', (array_agg(core.show_id('rcv', d.id) order by d.id))[1:10]) as facts
        from (
            -- Bounded: more are no other problem.
            select o.id, o.received_at
            from inbox.delivery as o
            where o.source_id = s.id and o.state = 'dead' and o.state <> 'done'
            order by o.id
            limit 1000
        ) as d
        having count(*) > 0
        union all
        select
            'secret', 'error', t.last_at, t.times, 'the server knows no secret of the source %s, and refused %s calls today',
            jsonb_build_object('secrets', s.secrets)
        from inbox.tally as t
        where t.source_id = s.id and t.what = 'secret' and t.day = (core.now() at time zone 'UTC')::date
            and t.last_at > core.now() - interval '1 hour'
        union all
        select
            'behind', 'warning', d.due_at, 1, 'deliveries of the source %s wait longer than they should', '{}'
        from (
            select o.due_at
            from inbox.delivery as o
            where o.source_id = s.id and o.state = 'waiting'
            order by o.due_at
            limit 1
        ) as d
        where s.state = 'active' and d.due_at < core.now() - interval '5 minutes'
    ) as p
    where s.deleted_at is null
$$;
comment on function inbox.list_problems() is
$$What is wrong with webhooks that come in: at most one row a source and kind. For alerts and for people: select * from
inbox.list_problems().

kind dead (error): deliveries whose retries are used up; replay or trim them. secret (error): within the last hour the server knew
none of the source's secrets. behind (warning): something has been due for five minutes. count: deliveries (up to 1000), or calls.
fingerprint: the same as long as it is the same problem. A problem that is solved is no longer listed.$$;
