-- What an account has reached of its month is told to its endpoints.

create or replace function quota.announce(
    p_account_id uuid, p_month date, p_used bigint, p_allowed bigint, p_percent integer
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform outbox.publish_event(
        p_account_id, 'quota.reached',
        jsonb_build_object(
            'percent', p_percent,
            'used', p_used,
            'limit', p_allowed,
            'month', to_char(p_month, 'YYYY-MM'),
            'tier', (select a.tier from identity.account as a where a.id = p_account_id),
            'resets_at', quota.month_end(p_month)
        ),
        -- With the limit: 80 % of a higher tier is news to who has had 80 % of the one before.
        format('quota.reached/%s/%s/%s', to_char(p_month, 'YYYY-MM'), p_allowed, p_percent)
    );
end;
$$;
comment on function quota.announce(uuid, date, bigint, bigint, integer) is
$$Publish the event quota.reached: an account has used p_percent of the calls of a month. Once per account, month, limit and
percent, however often it is called and whatever is given back in between.$$;
