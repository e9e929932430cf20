-- What the clock does for mails.

create or replace function mail.trim_messages(p_limit integer default 10000)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_trimmed bigint;
    v_held uuid[] := core.held_accounts('mail.message');
    v_addresses text[] := core.held_addresses('mail.message');
begin
    delete from mail.message as m
    where m.ctid = any (array(
        select o.ctid
        from mail.message as o
        where o.created_at < core.now() - make_interval(days => core.integer_setting('mail.keep_days')::integer)
            and not coalesce(o.account_id = any (v_held), v_held is null)
            and not (lower(o.address collate "C") = any (v_addresses))
        order by o.created_at
        limit p_limit
        for update skip locked
    ));
    get diagnostics v_trimmed = row_count;
    return v_trimmed;
end;
$$;
comment on function mail.trim_messages(integer) is
$$Remove mails older than the setting mail.keep_days and under no legal hold, p_limit at most. Gives how many went. The list of addresses stays.$$;

select core.seed('core.setting', '{name}', '{
    "name": "mail.keep_days", "value": 90, "minimum": 1, "maximum": 36500,
    "description": "whole number of days that it is kept which mails were sent; as long a key and an unsubscribe token are good"}');
select core.seed('schedule.task', '{name}', '{
    "name": "mail-trim", "function": "mail.trim_messages", "every": "1 hour", "description": "remove old mails"}');
