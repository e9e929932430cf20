-- What campaigns cost, as the operator enters it: the cost side of growth.source_report().

create or replace function growth.add_spend(
    p_account_id uuid,
    p_source text,
    p_day date,
    p_amount_minor bigint,
    p_currency text,
    p_campaign text default '',
    p_note text default ''
)
returns growth.spend
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_spend growth.spend;
begin
    if p_account_id is null or not exists (select from identity.account as a where a.id = p_account_id) then
        raise exception using errcode = 'LQ404', message = 'no such account';
    end if;
    if p_source is null or length(p_source) not between 1 and 200 then
        raise exception using errcode = 'LQ422', message = 'the source must have 1 to 200 characters';
    end if;
    if length(p_campaign) > 200 then
        raise exception using errcode = 'LQ422', message = 'the campaign must have 200 characters at most';
    end if;
    if length(p_note) > 500 then
        raise exception using errcode = 'LQ422', message = 'the note must have 500 characters at most';
    end if;
    if p_day is null or p_day < date '1970-01-01' or p_day >= date '9000-01-01' then
        raise exception using errcode = 'LQ422', message = 'the day is out of bounds', hint = 'Name a day from 1970 on.';
    end if;
    if p_amount_minor is null or p_amount_minor not between 1 and 1000000000000000 then
        raise exception using
            errcode = 'LQ422',
            message = 'the amount must be between 1 and 1000000000000000',
            hint = 'It is in minor units of the currency, such as cents.';
    end if;
    if not exists (select from ledger.currency as c where c.code = p_currency) then
        raise exception using
            errcode = 'LQ422', message = 'unknown currency', hint = 'Use a code of ISO 4217, such as USD.';
    end if;
    insert into growth.spend (account_id, source, campaign, day, amount_minor, currency, note, made_by, created_at)
    values (
        p_account_id, p_source, coalesce(p_campaign, ''), p_day, p_amount_minor, p_currency, coalesce(p_note, ''),
        core.current_actor(), core.now()
    )
    returning * into v_spend;
    perform audit.record(
        'growth.add_spend', core.show_id('spend', v_spend.id), p_account_id,
        jsonb_build_object('source', p_source, 'day', p_day, 'amount_minor', p_amount_minor, 'currency', p_currency)
    );
    return v_spend;
end;
$$;
comment on function growth.add_spend(uuid, text, date, bigint, text, text, text) is
$$Enter what a source cost on a day, and give the row.

p_source: as in events (utm_source). p_day: in the time zone of the account. p_amount_minor: minor units of p_currency (ISO 4217).
p_campaign: empty for none in particular. p_note: for people, no personal data. Several rows for one source and day add up. Raises
LQ404 for an unknown account, LQ422 for a value that is not acceptable.$$;

create or replace function growth.remove_spend(p_account_id uuid, p_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_spend growth.spend;
begin
    delete from growth.spend as s where s.account_id = p_account_id and s.id = p_id returning s.* into v_spend;
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such spend';
    end if;
    perform audit.record(
        'growth.remove_spend', core.show_id('spend', p_id), p_account_id, jsonb_build_object(
            'source', v_spend.source, 'day', v_spend.day, 'amount_minor', v_spend.amount_minor, 'currency', v_spend.currency
        )
    );
end;
$$;
comment on function growth.remove_spend(uuid, uuid) is
$$Take away a row that was entered by mistake. Raises LQ404 when it is not there.$$;

create or replace function growth.show_spend(p_spend growth.spend)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', core.show_id('spend', p_spend.id),
        'source', p_spend.source,
        'campaign', p_spend.campaign,
        'day', p_spend.day,
        'amount_minor', p_spend.amount_minor,
        'currency', p_spend.currency,
        'note', p_spend.note,
        'made_by', p_spend.made_by,
        'created_at', p_spend.created_at
    )
$$;
comment on function growth.show_spend(growth.spend) is
$$A row of spend as clients see it.$$;

create or replace function api.add_spend(
    p_source text, p_day date, p_amount_minor bigint, p_currency text, p_campaign text default '', p_note text default ''
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_spend growth.spend;
begin
    v_spend := growth.add_spend(
        ledger.caller_books(), p_source, p_day, p_amount_minor, p_currency, p_campaign, p_note
    );
    return http.json(201, growth.show_spend(v_spend));
end;
$$;
comment on function api.add_spend(text, date, bigint, text, text, text) is
$$Enter what a source cost

One row a source and day, in minor units of the currency; several add up. GET /api/admin/growth sets it against the revenue of the
persons who came from that source.$$;

create or replace function api.list_spend(
    p_source text default null,
    p_from date default null,
    p_to date default null,
    p_limit integer default 50,
    p_after text default null,
    p_accept text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account_id uuid := ledger.caller_books();
    v_after uuid := core.read_id('spend', p_after);
    v_rows jsonb;
    v_next text;
begin
    if p_after is not null and v_after is null then
        raise exception using
            errcode = 'LQ422', message = '"after" is no id of spend', hint = 'Take it from next of the page before.';
    end if;
    -- One more than asked for tells whether there is a next page. Ids are in the order of entering.
    select coalesce(jsonb_agg(growth.show_spend(s) order by s.id desc), '[]') into v_rows
    from (
        select o.*
        from growth.spend as o
        where o.account_id = v_account_id and (v_after is null or o.id < v_after)
            and (p_source is null or o.source = p_source)
            and (p_from is null or o.day >= p_from) and (p_to is null or o.day <= p_to)
        order by o.id desc
        limit p_limit + 1
    ) as s;
    if jsonb_array_length(v_rows) > p_limit then
        v_rows := v_rows - p_limit;
        v_next := v_rows -> -1 ->> 'id';
    end if;
    return http.rows(
        p_accept, jsonb_build_object('spend', v_rows, 'next', v_next),
        '{id,source,campaign,day,amount_minor,currency,note,made_by,created_at}', v_rows,
        growth.next_link('/api/admin/growth/spend', v_next, jsonb_build_object(
            'source', p_source, 'from', p_from, 'to', p_to, 'limit', p_limit
        ))
    );
end;
$$;
comment on function api.list_spend(text, date, date, integer, text, text) is
$$List what sources cost

The latest entered first. from and to bound the day, both inclusive. next holds the value of after for the next page, as does the Link
header; null on the last page. CSV by Accept.$$;

create or replace function api.remove_spend(p_spend_id text)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform growth.remove_spend(ledger.caller_books(), core.read_id('spend', p_spend_id));
    return http.no_content();
end;
$$;
comment on function api.remove_spend(text) is
$$Take away what was entered by mistake$$;

select http.register_schema('Spend', '{"type": "object", "additionalProperties": false,
    "required": ["id", "source", "campaign", "day", "amount_minor", "currency", "note", "made_by", "created_at"], "properties": {
        "id": {"type": "string", "pattern": "^spend_[0-9a-f]{32}$"},
        "source": {"type": "string"}, "campaign": {"type": "string"}, "day": {"type": "string", "format": "date"},
        "amount_minor": {"type": "integer", "minimum": 1}, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "note": {"type": "string"}, "made_by": {"type": "string"}, "created_at": {"type": "string", "format": "date-time"}}}');
select http.register_route('POST', '/api/admin/growth/spend', 'api.add_spend', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false,
        "required": ["source", "day", "amount_minor", "currency"], "properties": {
        "source": {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["newsletter"]},
        "campaign": {"type": "string", "maxLength": 200},
        "day": {"type": "string", "format": "date", "examples": ["2026-01-31"]},
        "amount_minor": {"type": "integer", "minimum": 1, "maximum": 1000000000000000, "examples": [12500]},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]},
        "note": {"type": "string", "maxLength": 500}}}',
    p_responses => '{"201": {"description": "Entered", "schema": {"$ref": "#/components/schemas/Spend"}}, "404": {}}');
select http.register_route('GET', '/api/admin/growth/spend', 'api.list_spend', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "source": {"type": "string", "minLength": 1, "maxLength": 200, "description": "only of this source"},
        "from": {"type": "string", "format": "date", "description": "first day"},
        "to": {"type": "string", "format": "date", "description": "last day"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50, "description": "rows a page"},
        "after": {"type": "string", "maxLength": 64, "description": "next of the page before"},
        "accept": {"type": "string", "maxLength": 1000, "in": "header"}}',
    p_responses => '{"200": {"description": "A page of spend", "schema": {"type": "object", "required": ["spend", "next"],
        "additionalProperties": false, "properties": {
            "spend": {"type": "array", "items": {"$ref": "#/components/schemas/Spend"}}, "next": {"type": ["string", "null"]}}},
        "csv": true, "headers": {"Link": {"description": "rel=next: the next page, when there is one", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the answer does", "schema": {"type": "string"}}}}}');
select http.register_route('DELETE', '/api/admin/growth/spend/{spend_id}', 'api.remove_spend', p_domain => 'growth',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"spend_id": {"type": "string", "maxLength": 64, "description": "id of the row, spend_…"}}',
    p_responses => '{"204": {"description": "Taken away"}, "404": {}}');
