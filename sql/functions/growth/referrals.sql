-- Referrals: through which link an e-mail address came, told by a page that anybody may use, before there is a user.
--
-- identity stands on a lower floor and knows no referrals. They are joined to the user from here: by a trigger on its table,
-- when the user is made or gets another address; when a referral comes for one who is there; and, should both happen at once
-- and neither see the other, by a task of the clock a minute later.
--
-- Nothing that a page gets back tells whether the address is known: each answer is the same, and the id is a hash of what was sent.

create or replace function growth.referral_id(p_account_id uuid, p_email text, p_source text, p_campaign text, p_medium text)
returns uuid
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select growth.fold_id('referral ' || jsonb_build_array(p_account_id, p_email, p_source, p_campaign, p_medium)::text)
$$;
comment on function growth.referral_id(uuid, text, text, text, text) is
$$The id of a referral: a UUIDv8 of all that tells it from others. The same referral has the same id, and its id tells no time.$$;

create or replace function growth.track_referral(
    p_account_id uuid,
    p_email text,
    p_source text default 'direct',
    p_campaign text default '',
    p_medium text default ''
)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := identity.normalise_email(p_email);
    v_source text := coalesce(nullif(btrim(p_source), ''), 'direct');
    v_campaign text := btrim(coalesce(p_campaign, ''));
    v_medium text := btrim(coalesce(p_medium, ''));
    v_id uuid;
    v_user_id uuid;
    v_before text := coalesce(current_setting('levqor.machinery', true), '');
begin
    if v_email is null or v_email collate "C" !~ '^[^@[:space:]]+@[^@[:space:]]+$' or length(v_email) > 320 then
        raise exception using
            errcode = 'LQ422',
            message = 'that is no e-mail address',
            hint = 'It has one @ with something on both sides, and no spaces.';
    end if;
    if length(v_source) > 200 or length(v_campaign) > 200 or length(v_medium) > 200 then
        raise exception using
            errcode = 'LQ422', message = 'source, campaign and medium have 200 characters at most', hint = 'Shorten it.';
    end if;
    -- Anybody sends them, and they end in tables that an operator opens with a program which takes such texts for formulas.
    if array[v_source, v_campaign, v_medium]::text ~ '[[:cntrl:]]'
        or exists (select from unnest(array[v_source, v_campaign, v_medium]) as v (text) where v.text ~ '^[-=+@]')
    then
        raise exception using
            errcode = 'LQ422',
            message = 'source, campaign and medium have no control characters and do not begin with = + - or @',
            hint = 'Take what is before the first word away.';
    end if;
    -- Whoever tells it sees no account: the row is the deployment's to write. An error switches this back with what it undoes.
    perform set_config('levqor.machinery', 'on', true);
    p_account_id := coalesce(p_account_id, identity.operator_account());
    v_id := growth.referral_id(p_account_id, v_email, v_source, v_campaign, v_medium);
    v_user_id := identity.find_user(v_email);
    insert into growth.referral as r (
        account_id, id, email, user_id, source, campaign, medium, first_at, last_at, joined_at
    )
    select
        p_account_id, v_id, v_email, v_user_id, v_source, v_campaign, v_medium, core.now(), core.now(),
        case when v_user_id is not null then core.now() end
    -- Anybody can send anything for any address: of one address so many are kept, and further ones are passed over.
    where (
        select count(*) from growth.referral as o where o.account_id = p_account_id and o.email = v_email and o.id <> v_id
    ) < 100
    on conflict (account_id, id) do update
    set
        last_at = greatest(r.last_at, excluded.last_at),
        touches = least(r.touches, 2147483646) + 1,
        user_id = coalesce(r.user_id, excluded.user_id),
        joined_at = coalesce(r.joined_at, excluded.joined_at);
    perform set_config('levqor.machinery', v_before, true);
    return v_id;
end;
$$;
comment on function growth.track_referral(uuid, text, text, text, text) is
$$Note that an e-mail address came through a link. Gives the id of the referral, the same each time.

p_account_id: whose page it was; null: the operator's. p_email: normalised as for users. p_source: utm_source; empty or null: direct.
p_campaign, p_medium: utm_campaign, utm_medium. A repeat counts as a touch of the row that is there. Of one address 100 are kept.
The user with that address, if there is one, is joined. Raises LQ422 for what is no address, for texts that are too long, and for those
with a control character or with = + - @ at the begin.$$;

create or replace function growth.join_referral()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update growth.referral as r set user_id = new.id, joined_at = core.now()
    where r.email = new.email and r.user_id is null;
    return null;
end;
$$;
comment on function growth.join_referral() is
$$Trigger of identity.user: the referrals of an address belong to the user from the sign-up on.$$;

create or replace trigger user_joins_referrals
after insert or update of email on identity.user
for each row execute function growth.join_referral();

create or replace function growth.join_referrals(p_since interval default interval '1 hour')
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_joined bigint;
begin
    update growth.referral as r set user_id = u.id, joined_at = core.now()
    from identity.user as u
    where r.user_id is null and r.last_at >= core.now() - p_since and u.email = r.email;
    get diagnostics v_joined = row_count;
    return v_joined;
end;
$$;
comment on function growth.join_referrals(interval) is
$$Join referrals that came at the very moment of the sign-up. A task of the clock. Gives how many were joined.

p_since: how far back referrals are looked at, by when they came last.$$;

create or replace view growth.referral_touch with (security_invoker = true) as
select
    t.account_id,
    t.email,
    t.user_id,
    (t.by_first[1]).source as first_source,
    (t.by_first[1]).campaign as first_campaign,
    (t.by_first[1]).medium as first_medium,
    (t.by_first[1]).first_at as first_at,
    (t.by_last[1]).source as last_source,
    (t.by_last[1]).campaign as last_campaign,
    (t.by_last[1]).medium as last_medium,
    (t.by_last[1]).last_at as last_at,
    t.referrals,
    t.touches
from (
    select
        r.account_id,
        case when r.user_id is null then r.email end as email,
        r.user_id,
        pg_catalog.array_agg(r order by r.first_at, r.id) as by_first,
        pg_catalog.array_agg(r order by r.last_at desc, r.id) as by_last,
        pg_catalog.count(*) as referrals,
        pg_catalog.sum(r.touches) as touches
    from growth.referral as r
    group by r.account_id, r.user_id, case when r.user_id is null then r.email end
) as t;
comment on view growth.referral_touch is
'First and last touch of each user, over all addresses the user had, and of each address without a user: one row each.';
comment on column growth.referral_touch.account_id is 'account whose page it was';
comment on column growth.referral_touch.email is 'the address, as long as it has no user; otherwise null';
comment on column growth.referral_touch.user_id is 'the user; null: not signed up';
comment on column growth.referral_touch.first_source is 'source of the touch that came first';
comment on column growth.referral_touch.first_campaign is 'its campaign; empty: none';
comment on column growth.referral_touch.first_medium is 'its medium; empty: none';
comment on column growth.referral_touch.first_at is 'when it came';
comment on column growth.referral_touch.last_source is 'source of the touch that came last';
comment on column growth.referral_touch.last_campaign is 'its campaign; empty: none';
comment on column growth.referral_touch.last_medium is 'its medium; empty: none';
comment on column growth.referral_touch.last_at is 'when it came';
comment on column growth.referral_touch.referrals is 'different links';
comment on column growth.referral_touch.touches is 'touches in all';
grant select on growth.referral_touch to levqor_dba;

create or replace function api.track_referral(
    p_email text, p_source text default 'direct', p_campaign text default '', p_medium text default ''
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return http.json(201, jsonb_build_object(
        'ok', true,
        'referral_id', core.show_id('ref', growth.track_referral(core.current_account(), p_email, p_source, p_campaign, p_medium))
    ));
end;
$$;
comment on function api.track_referral(text, text, text, text) is
$$Track a referral

Tells that an e-mail address came through a link, before or after its user signs up. Needs no key. The same referral sent again is
counted and not doubled. The answer is the same whether or not the address is known.$$;

select core.seed('limits.policy', '{name}', p.policy)
from jsonb_array_elements('[
    {"name": "referral-address", "scope": "address", "route_class": "referral", "quota": 20, "burst": 20,
     "window_seconds": 60},
    {"name": "referral-all", "scope": "all", "route_class": "referral", "quota": 1200, "burst": 200, "window_seconds": 60}
]') as p (policy);
select http.register_route('POST', '/api/v1/referrals/track', 'api.track_referral', p_domain => 'growth',
    p_access => 'public', p_limit_class => 'referral', p_body_cap => 8192,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["email"], "properties": {
        "email": {"type": "string", "minLength": 3, "maxLength": 320,
            "pattern": "^[ \\t\\r\\n]*[^@\\s]+@[^@\\s]+[ \\t\\r\\n]*$", "examples": ["ada@example.com"]},
        "source": {"type": "string", "maxLength": 200, "default": "direct", "examples": ["newsletter"]},
        "campaign": {"type": "string", "maxLength": 200, "default": ""},
        "medium": {"type": "string", "maxLength": 200, "default": ""}}}',
    p_responses => '{"201": {"description": "Noted", "schema": {"type": "object", "additionalProperties": false,
        "required": ["ok", "referral_id"], "properties": {"ok": {"const": true},
            "referral_id": {"type": "string", "pattern": "^ref_[0-9a-f]{32}$"}}}}, "422": {}}');
