-- Tiers, and who is on which. A charge reads the account's tier with each batch, so a change counts from the next call.
--
-- Locks: a change of tier locks the account, then its usage of the month. Charges lock usage only, in order of account:
-- so the route runs alone and is not metered.

create or replace trigger tier_notes_local_columns
before update on quota.tier
for each row execute function core.note_local_columns();

create or replace function quota.tell_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A real NOTIFY, also inside a server's statement: every server remembers refusals, not only the one that asks.
    perform pg_notify('levqor', E'limits\t1');
    return null;
end;
$$;
comment on function quota.tell_change() is
$$Trigger: tell the servers that what an account may use has changed, so that they forget the refusals they remember.$$;

create or replace trigger tier_change_is_told
after insert or update or delete on quota.tier
for each statement execute function quota.tell_change();

create or replace function quota.announce_reached(p_account_id uuid, p_used bigint, p_allowed bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_used > 0 and p_used >= p_allowed then
        perform quota.announce(p_account_id, quota.month(), p_used, p_allowed, 100);
    elsif p_used > 0 and quota.is_near(p_used, p_allowed) then
        perform quota.announce(p_account_id, quota.month(), p_used, p_allowed, 80);
    end if;
end;
$$;
comment on function quota.announce_reached(uuid, bigint, bigint) is
$$Announce what the usage of this month has reached of another limit than before: 100 %, or else 80 %, or nothing.

p_allowed: null for unlimited.$$;

create or replace function quota.announce_lower_tier()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform quota.announce_reached(u.account_id, u.used, new.calls_per_month)
    from (
        select w.account_id, w.used
        from identity.account as a
        inner join quota.usage as w on w.account_id = a.id
        where a.tier = new.name and w.month = quota.month()
            and quota.is_near(w.used, new.calls_per_month)
        order by w.account_id
        offset 0
    ) as u;
    return null;
end;
$$;
comment on function quota.announce_lower_tier() is
$$Trigger: a tier allows fewer calls now; announce it to the accounts that have used as many.$$;

create or replace trigger tier_lower_is_announced
after update of calls_per_month on quota.tier
for each row when (new.calls_per_month < coalesce(old.calls_per_month, 9223372036854775807))
execute function quota.announce_lower_tier();

create or replace function quota.follow_account_tier()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_allowed bigint;
    v_used bigint;
begin
    select t.calls_per_month into v_allowed from quota.tier as t where t.name = new.tier;
    -- Behind a charge that is under way: it counts by the tier before, and is in what is announced.
    update quota.usage as u
    set allowed = coalesce(v_allowed, 9223372036854775807)
    where u.account_id = new.id and u.month = quota.month()
    returning u.used into v_used;
    perform quota.announce_reached(new.id, v_used, v_allowed);
    perform pg_notify('levqor', E'limits\t1');
    return null;
end;
$$;
comment on function quota.follow_account_tier() is
$$Trigger: an account is on another tier; announce what it has reached of it, and let servers forget remembered refusals.$$;

create or replace trigger account_tier_is_followed
after update of tier on identity.account
for each row when (old.tier is distinct from new.tier)
execute function quota.follow_account_tier();

create or replace function quota.give_operator_tier()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    new.tier := 'enterprise';
    return new;
end;
$$;
comment on function quota.give_operator_tier() is
$$Trigger: the operator's account is made on the tier enterprise; it can be changed later like any.$$;

create or replace trigger account_operator_gets_tier
before insert on identity.account
for each row when (new.kind = 'operator')
execute function quota.give_operator_tier();

create or replace function quota.set_tier(p_account_id uuid, p_tier text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before text;
begin
    if p_tier is null or not exists (select from quota.tier as t where t.name = p_tier) then
        raise exception using
            errcode = 'LQ422',
            message = 'no such tier',
            detail = format(
                'There are %s.',
                (select string_agg(t.name, ', ' order by t.calls_per_month, t.name) from quota.tier as t)
            ),
            schema = '{"errors": [{"pointer": "/tier", "rule": "enum"}]}';
    end if;
    select a.tier into v_before from identity.account as a where a.id = p_account_id for no key update;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    update identity.account as a
    set tier = p_tier, updated_at = core.now()
    where a.id = p_account_id and a.tier <> p_tier;
    perform audit.record(
        'quota.set_tier', core.show_id('acct', p_account_id), p_account_id,
        jsonb_build_object('from', v_before, 'to', p_tier)
    );
end;
$$;
comment on function quota.set_tier(uuid, text) is
$$Put an account on a tier: select quota.set_tier(ACCOUNT, 'pro'). It counts from the next call.

What was used in this month stays used. Raises LQ404, LQ422.$$;

create or replace function quota.find_account(p_account_id text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := core.read_id('acct', p_account_id);
begin
    if not exists (
        select from identity.account as a
        where a.id = v_id and (a.id = core.current_account() or core.sees_all())
    ) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    return v_id;
end;
$$;
comment on function quota.find_account(text) is
$$The id of an account that the caller may see, from what a client sent. Raises LQ404.$$;

create or replace function api.set_tier(p_account_id text, p_tier text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid := quota.find_account(p_account_id);
    v_usage record;
begin
    perform quota.set_tier(v_id, p_tier);
    select u.* into v_usage from quota.usage_of(v_id) as u;
    return http.json(200, jsonb_build_object(
        'account_id', core.show_id('acct', v_id),
        'tier', v_usage.tier,
        'calls_used', v_usage.used,
        'calls_limit', v_usage.allowed,
        'calls_remaining', v_usage.remaining,
        'reset_at', v_usage.resets_at
    ));
end;
$$;
comment on function api.set_tier(text, text) is
$$Put an account on a tier

It counts from the next call. What was used in this month stays used, so a lower tier may refuse at once.$$;

create or replace function api.list_tiers()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.json(200, jsonb_build_object('tiers', coalesce(jsonb_agg(
        jsonb_build_object('name', t.name, 'calls_limit', t.calls_per_month, 'description', t.description)
        order by t.calls_per_month, t.name
    ), '[]')))
    from quota.tier as t
$$;
comment on function api.list_tiers() is
$$List the tiers

calls_limit: metered calls a calendar month (UTC); null: unlimited.$$;

select core.seed('quota.tier', '{name}', t.tier)
from jsonb_array_elements('[
    {"name": "sandbox", "calls_per_month": 1000, "description": "to try it: 1,000 calls a month"},
    {"name": "pro", "calls_per_month": 10000, "description": "10,000 calls a month"},
    {"name": "enterprise", "calls_per_month": null, "description": "as many calls as you like"}
]') as t (tier);

select http.register_route('PUT', '/api/admin/accounts/{account_id}/tier', 'api.set_tier', p_domain => 'quota',
    p_scopes => '{platform}', p_lane => 'alone', p_limit_class => 'manage', p_is_sensitive => true,
    p_parameters => '{"account_id": {"type": "string", "maxLength": 64, "description": "id of the account, acct_…"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["tier"], "properties": {
        "tier": {"type": "string", "minLength": 1, "maxLength": 63, "examples": ["sandbox", "pro", "enterprise"]}}}',
    p_responses => '{"200": {"description": "On it", "schema": {"type": "object", "additionalProperties": false,
        "required": ["account_id", "tier", "calls_used", "calls_limit", "calls_remaining", "reset_at"], "properties": {
            "account_id": {"type": "string", "pattern": "^acct_[0-9a-f]{32}$"}, "tier": {"type": "string"},
            "calls_used": {"type": "integer", "minimum": 0},
            "calls_limit": {"type": ["integer", "null"], "minimum": 0, "description": "null: unlimited"},
            "calls_remaining": {"type": ["integer", "null"], "minimum": 0, "description": "null: unlimited"},
            "reset_at": {"type": "string", "format": "date-time"}}}}, "404": {}}');
select http.register_route('GET', '/api/v1/tiers', 'api.list_tiers', p_domain => 'quota', p_limit_class => 'read',
    p_responses => '{"200": {"description": "The tiers", "schema": {"type": "object", "additionalProperties": false,
        "required": ["tiers"], "properties": {"tiers": {"type": "array", "items": {"type": "object",
            "additionalProperties": false, "required": ["name", "calls_limit", "description"], "properties": {
                "name": {"type": "string"},
                "calls_limit": {"type": ["integer", "null"], "minimum": 0, "description": "null: unlimited"},
                "description": {"type": "string"}}}}}}}}');
