-- The ledger over HTTP, for platform keys: open accounts, make transfers, read accounts and entries.

create or replace function ledger.tag(p_body jsonb)
returns jsonb
language sql
immutable
security invoker
as $$
    select pg_catalog.jsonb_build_object('ETag', '"' || pg_catalog.md5(p_body::text) || '"', 'Cache-Control', 'no-cache')
$$;
comment on function ledger.tag(jsonb) is
$$Headers of an answer that a client may keep and ask for again with If-None-Match.$$;

create or replace function ledger.writable_books()
returns uuid
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case when core.sees_all() then identity.operator_account() else core.current_account() end
$$;
comment on function ledger.writable_books() is
$$As ledger.caller_books(), for calls that write: the operator's account is made when it is not there.$$;

create or replace function api.open_ledger_account(
    p_code text,
    p_currency text,
    p_category text,
    p_name text default '',
    p_may_be_negative boolean default true,
    p_may_be_positive boolean default true
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.writable_books();
    v_account ledger.balance;
begin
    v_account := ledger.open_account(
        p_code, p_currency, p_category, p_name, p_may_be_negative, p_may_be_positive, v_books
    );
    perform audit.record('ledger.open_account', core.show_id('lacc', v_account.id), v_books);
    return http.json(
        201, ledger.show_account(v_account),
        jsonb_build_object('Location', '/api/admin/ledger/accounts/' || core.show_id('lacc', v_account.id))
    );
end;
$$;
comment on function api.open_ledger_account(text, text, text, text, boolean, boolean) is
$$Open an account of the ledger

In the books of the account in the header Levqor-Account, or else in the operator's. One that is there with the same content is given as
it is; with other content it is a conflict.$$;

create or replace function api.list_ledger_accounts(
    p_currency text default null, p_category text default null, p_limit integer default 50, p_cursor text default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.caller_books();
    v_after uuid := core.read_id('lacc', p_cursor);
    v_accounts jsonb;
    v_next text;
    v_body jsonb;
begin
    if p_cursor is not null and v_after is null then
        raise exception using
            errcode = 'LQ422', message = 'unknown cursor', hint = 'Take next_cursor from the page before.';
    end if;
    -- One more than asked for tells whether there is a next page.
    select jsonb_agg(ledger.show_account(p.account) order by (p.account).id) into v_accounts
    from (
        select a as account
        from ledger.balance as a
        where a.account_id = v_books and (v_after is null or a.id > v_after)
            and (p_currency is null or a.currency = p_currency)
            and (p_category is null or a.category = p_category)
        order by a.id
        limit p_limit + 1
    ) as p;
    if jsonb_array_length(v_accounts) > p_limit then
        v_accounts := v_accounts - p_limit;
        v_next := v_accounts -> -1 ->> 'id';
    end if;
    v_body := jsonb_build_object('accounts', coalesce(v_accounts, '[]'), 'next_cursor', v_next);
    return http.json(200, v_body, ledger.tag(v_body) || case when v_next is not null then jsonb_build_object(
        'Link', format(
            '</api/admin/ledger/accounts?limit=%s%s%s&cursor=%s>; rel="next"', p_limit, '&currency=' || p_currency,
            '&category=' || p_category, v_next
        )
    ) else '{}' end);
end;
$$;
comment on function api.list_ledger_accounts(text, text, integer, text) is
$$List the accounts of the ledger

With their balances, in the order they were opened. next_cursor, and the header Link, lead to the next page; null on the last.$$;

create or replace function api.show_ledger_account(p_account text, p_currency text default null)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_body jsonb := ledger.show_account(ledger.find_account(p_account, p_currency, ledger.caller_books()));
begin
    return http.json(200, v_body, ledger.tag(v_body));
end;
$$;
comment on function api.show_ledger_account(text, text) is
$$Show an account of the ledger

By its id or its code; a code that is there in several currencies needs the currency. balance_minor less held_out_minor is what can be
used.$$;

create or replace function api.list_ledger_entries(
    p_account text,
    p_currency text default null,
    p_from timestamptz default null,
    p_to timestamptz default null,
    p_limit integer default 50,
    p_cursor bigint default null
)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account ledger.balance := ledger.find_account(p_account, p_currency, ledger.caller_books());
    v_entries jsonb;
    v_next bigint;
    v_body jsonb;
begin
    select jsonb_agg(
        jsonb_build_object(
            'version', e.version, 'transfer_id', core.show_id('xfer', e.transfer_id), 'amount_minor', e.amount_minor,
            'previous_minor', e.previous_minor, 'current_minor', e.current_minor, 'event_at', e.event_at,
            'created_at', e.created_at
        )
        order by e.version desc
    )
    into v_entries
    from (
        select n.*
        from ledger.entry as n
        where n.account_id = v_account.account_id and n.ledger_account_id = v_account.id
            and (p_cursor is null or n.version < p_cursor)
            and (p_from is null or n.event_at >= p_from) and (p_to is null or n.event_at < p_to)
        order by n.version desc
        limit p_limit + 1
    ) as e;
    if jsonb_array_length(v_entries) > p_limit then
        v_entries := v_entries - p_limit;
        v_next := (v_entries -> -1 ->> 'version')::bigint;
    end if;
    v_body := jsonb_build_object(
        'account', core.show_id('lacc', v_account.id), 'currency', v_account.currency,
        'entries', coalesce(v_entries, '[]'), 'next_cursor', v_next
    );
    return http.json(200, v_body, ledger.tag(v_body) || case when v_next is not null then jsonb_build_object(
        'Link', format(
            '</api/admin/ledger/accounts/%s/entries?limit=%s%s%s&cursor=%s>; rel="next"',
            core.show_id('lacc', v_account.id), p_limit,
            '&from=' || to_char(p_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            '&to=' || to_char(p_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), v_next
        )
    ) else '{}' end);
end;
$$;
comment on function api.list_ledger_entries(text, text, timestamptz, timestamptz, integer, bigint) is
$$List the entries of an account

The newest first, by their number. from (inclusive) and to (exclusive) filter by event_at. next_cursor, and the header Link, lead to the
next page; null on the last.$$;

create or replace function api.make_transfers(p_transfers jsonb)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.writable_books();
    v_transfers jsonb;
begin
    select jsonb_agg(ledger.show_transfer(t)) into v_transfers from ledger.transfer_many(p_transfers, v_books) as t;
    perform audit.record(
        'ledger.make_transfers', v_transfers -> 0 ->> 'id', v_books,
        jsonb_build_object('transfers', jsonb_array_length(v_transfers))
    );
    return http.json(201, jsonb_build_object('transfers', v_transfers));
end;
$$;
comment on function api.make_transfers(jsonb) is
$$Make transfers, all of them or none

In their order, in the books of the account in the header Levqor-Account, or else in the operator's. The id is yours: the same id with
the same content does nothing and is answered the same, with other content it is a conflict. kind: transfer moves money; hold reserves
it; post moves what a hold reserved, or part of it; void lets it go. An amount that a limit of an account forbids is a conflict.$$;

create or replace function api.show_transfer(p_transfer_id text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_transfer ledger.transfer;
    v_body jsonb;
begin
    select t.* into v_transfer
    from ledger.transfer as t
    where t.account_id = ledger.caller_books() and t.id = core.read_id('xfer', p_transfer_id);
    if not found then
        raise exception using errcode = 'LQ404', message = 'no such transfer';
    end if;
    v_body := ledger.show_transfer(v_transfer) || jsonb_build_object(
        'entries', (
            select coalesce(jsonb_agg(
                jsonb_build_object(
                    'account', core.show_id('lacc', e.ledger_account_id), 'version', e.version,
                    'amount_minor', e.amount_minor, 'previous_minor', e.previous_minor, 'current_minor', e.current_minor
                )
                order by e.amount_minor
            ), '[]')
            from ledger.entry as e
            where e.account_id = v_transfer.account_id and e.transfer_id = v_transfer.id
        ),
        'state', (
            select h.state from ledger.hold as h where h.account_id = v_transfer.account_id and h.transfer_id = v_transfer.id
        )
    );
    return http.json(200, v_body, ledger.tag(v_body));
end;
$$;
comment on function api.show_transfer(text) is
$$Show a transfer

With its two entries, and for a hold its state: open, posted, voided or expired.$$;

create or replace function api.reverse_transfer(
    p_transfer_id text,
    p_id text,
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.writable_books();
    v_transfers jsonb;
begin
    select jsonb_agg(ledger.show_transfer(t)) into v_transfers
    from ledger.reverse(
        core.read_id('xfer', p_transfer_id), core.read_id('xfer', p_id), p_event_at, p_reference, p_description, v_books
    ) as t;
    perform audit.record('ledger.reverse', p_transfer_id, v_books);
    return http.json(201, jsonb_build_object('transfers', v_transfers));
end;
$$;
comment on function api.reverse_transfer(text, text, timestamptz, text, text) is
$$Take a transfer back

By a new transfer the other way round, with the id that you make; linked ones are taken back together.$$;

create or replace function api.exchange_money(
    p_id text,
    p_from text,
    p_to text,
    p_sell_currency text,
    p_buy_currency text,
    p_sell_minor bigint,
    p_rate text,
    p_buy_minor bigint default null,
    p_event_at timestamptz default null,
    p_reference text default null,
    p_description text default null
)
returns http.response
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_books uuid := ledger.writable_books();
    v_exchange ledger.exchange;
begin
    v_exchange := ledger.exchange(
        p_from, p_to, p_sell_currency, p_buy_currency, p_sell_minor, p_rate::numeric, p_buy_minor, core.read_id('xfer', p_id),
        p_event_at, p_reference, p_description, v_books
    );
    perform audit.record('ledger.exchange', core.show_id('xfer', v_exchange.id), v_books);
    return http.json(201, jsonb_build_object(
        'id', core.show_id('xfer', v_exchange.id),
        'sell_transfer_id', core.show_id('xfer', v_exchange.sell_transfer_id),
        'buy_transfer_id', core.show_id('xfer', v_exchange.buy_transfer_id),
        'sell_currency', v_exchange.sell_currency,
        'sell_minor', v_exchange.sell_minor,
        'buy_currency', v_exchange.buy_currency,
        'buy_minor', v_exchange.buy_minor,
        'rate', v_exchange.rate::text,
        'event_at', v_exchange.event_at,
        'created_at', v_exchange.created_at
    ));
end;
$$;
comment on function api.exchange_money(
    text, text, text, text, text, bigint, text, bigint, timestamptz, text, text
) is
$$Exchange money of one currency for another

By two linked transfers. rate is a decimal number in a text, so that it is kept exactly: units of buy_currency for one of sell_currency.
buy_minor, where it is known, may lie one minor unit beside what the rate gives.$$;

select http.register_schema('LedgerAccount', '{"type": "object", "additionalProperties": false,
    "required": ["id", "code", "currency", "category", "name", "may_be_negative", "may_be_positive", "balance_minor",
        "held_out_minor", "held_in_minor", "version", "created_at"], "properties": {
        "id": {"type": "string", "pattern": "^lacc_[0-9a-f]{32}$"},
        "code": {"type": "string"},
        "currency": {"type": "string", "description": "ISO 4217"},
        "category": {"enum": ["revenue", "ai_cost", "infrastructure", "fees", "payouts", "asset", "liability", "payouts_due",
            "equity", "exchange"]},
        "name": {"type": "string"},
        "may_be_negative": {"type": "boolean"}, "may_be_positive": {"type": "boolean"},
        "balance_minor": {"type": "integer", "description": "in minor units"},
        "held_out_minor": {"type": "integer", "minimum": 0, "description": "reserved to go out"},
        "held_in_minor": {"type": "integer", "minimum": 0, "description": "reserved to come in"},
        "version": {"type": "integer", "minimum": 0, "description": "number of entries"},
        "created_at": {"type": "string", "format": "date-time"}}}');
select http.register_schema('Transfer', '{"type": "object", "required": ["id", "kind", "from", "to", "amount_minor", "currency",
    "event_at", "created_at", "link", "hold", "reverses", "hold_seconds", "reference", "description", "made_by"], "properties": {
        "id": {"type": "string", "pattern": "^xfer_[0-9a-f]{32}$"},
        "kind": {"enum": ["transfer", "hold", "post", "void", "expiry"]},
        "from": {"type": "string"}, "to": {"type": "string"},
        "amount_minor": {"type": "integer", "minimum": 1},
        "currency": {"type": "string"},
        "event_at": {"type": "string", "format": "date-time", "description": "when it happened"},
        "created_at": {"type": "string", "format": "date-time", "description": "when it was written"},
        "link": {"type": ["string", "null"]}, "hold": {"type": ["string", "null"], "description": "the hold that it ended"},
        "reverses": {"type": ["string", "null"], "description": "the transfer that it took back"},
        "hold_seconds": {"type": ["integer", "null"]},
        "reference": {"type": ["string", "null"]}, "description": {"type": ["string", "null"]},
        "made_by": {"type": "string"}}}');
select http.register_schema('TransferToMake', '{"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "kind": {"enum": ["transfer", "hold", "post", "void"], "default": "transfer"},
        "id": {"type": "string", "pattern": "^(xfer_[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
            "description": "a UUID of yours, best of version 7", "examples": ["019ab0e2-3c54-7d20-8a0e-5f6d9c1b2a3f"]},
        "from": {"type": "string", "minLength": 1, "maxLength": 100, "description": "id or code of the account that gives",
            "examples": ["revenue"]},
        "to": {"type": "string", "minLength": 1, "maxLength": 100, "description": "id or code of the account that gets",
            "examples": ["cash"]},
        "amount_minor": {"type": "integer", "minimum": 1, "maximum": 1000000000000000, "examples": [1999]},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "needed where both accounts are named by code",
            "examples": ["USD"]},
        "event_at": {"type": "string", "format": "date-time", "description": "when it happened; now unless said"},
        "link": {"type": "string", "maxLength": 37, "description": "a UUID: transfers with the same one belong together"},
        "hold": {"type": "string", "maxLength": 37, "description": "of a post or void: the hold"},
        "hold_seconds": {"type": "integer", "minimum": 1, "maximum": 31622400, "description": "of a hold: how long it lasts"},
        "reference": {"type": "string", "minLength": 1, "maxLength": 200, "description": "no personal data"},
        "description": {"type": "string", "maxLength": 500, "description": "no personal data"},
        "user": {"type": "string", "maxLength": 37, "description": "user_…: whom it concerns; kept apart from the transfer"},
        "person_id": {"type": "integer", "minimum": 1, "description": "the person of the analytics whom it concerns"}}}');

select http.register_route('POST', '/api/admin/ledger/accounts', 'api.open_ledger_account', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["code", "currency", "category"],
        "properties": {
            "code": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_.:-]{0,99}$", "examples": ["revenue"]},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]},
            "category": {"enum": ["revenue", "ai_cost", "infrastructure", "fees", "payouts", "asset", "liability",
                "payouts_due", "equity", "exchange"], "examples": ["revenue"]},
            "name": {"type": "string", "maxLength": 200},
            "may_be_negative": {"type": "boolean", "default": true},
            "may_be_positive": {"type": "boolean", "default": true}}}',
    p_responses => '{"201": {"description": "It is there", "schema": {"$ref": "#/components/schemas/LedgerAccount"},
        "headers": {"Location": {"description": "Path of the account", "schema": {"type": "string"}}}}, "409": {}}');
select http.register_route('GET', '/api/admin/ledger/accounts', 'api.list_ledger_accounts', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "category": {"enum": ["revenue", "ai_cost", "infrastructure", "fees", "payouts", "asset", "liability", "payouts_due",
            "equity", "exchange"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "accounts a page"},
        "cursor": {"type": "string", "pattern": "^lacc_[0-9a-f]{32}$", "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "A page of accounts", "schema": {"type": "object", "additionalProperties": false,
        "required": ["accounts", "next_cursor"], "properties": {
            "accounts": {"type": "array", "items": {"$ref": "#/components/schemas/LedgerAccount"}},
            "next_cursor": {"type": ["string", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the page does", "schema": {"type": "string"}}}}}');
select http.register_route('GET', '/api/admin/ledger/accounts/{account}', 'api.show_ledger_account', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{
        "account": {"type": "string", "maxLength": 100, "description": "id (lacc_…) or code"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "of a code that is there in several"}}',
    p_responses => '{"200": {"description": "The account", "schema": {"$ref": "#/components/schemas/LedgerAccount"},
        "headers": {"ETag": {"description": "Changes when the account does", "schema": {"type": "string"}}}}, "404": {}, "422": {}}');
select http.register_route('GET', '/api/admin/ledger/accounts/{account}/entries', 'api.list_ledger_entries',
    p_domain => 'ledger', p_scopes => '{platform}', p_limit_class => 'manage', p_lane => 'alone',
    p_parameters => '{
        "account": {"type": "string", "maxLength": 100, "description": "id (lacc_…) or code"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "of a code that is there in several"},
        "from": {"type": "string", "format": "date-time", "description": "event_at at or after"},
        "to": {"type": "string", "format": "date-time", "description": "event_at before"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50, "description": "entries a page"},
        "cursor": {"type": "integer", "minimum": 1, "description": "next_cursor of the page before"}}',
    p_responses => '{"200": {"description": "A page of entries", "schema": {"type": "object", "additionalProperties": false,
        "required": ["account", "currency", "entries", "next_cursor"], "properties": {
            "account": {"type": "string"}, "currency": {"type": "string"},
            "entries": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["version", "transfer_id", "amount_minor", "previous_minor", "current_minor", "event_at",
                    "created_at"], "properties": {
                    "version": {"type": "integer", "minimum": 1}, "transfer_id": {"type": "string"},
                    "amount_minor": {"type": "integer"}, "previous_minor": {"type": "integer"},
                    "current_minor": {"type": "integer"},
                    "event_at": {"type": "string", "format": "date-time"},
                    "created_at": {"type": "string", "format": "date-time"}}}},
            "next_cursor": {"type": ["integer", "null"]}}},
        "headers": {"Link": {"description": "rel=next: the next page", "schema": {"type": "string"}},
            "ETag": {"description": "Changes when the page does", "schema": {"type": "string"}}}}, "404": {}, "422": {}}');
select http.register_route('POST', '/api/admin/ledger/transfers', 'api.make_transfers', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone', p_body_cap => 2097152,
    p_timeout_ms => 30000,
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["transfers"], "properties": {
        "transfers": {"type": "array", "minItems": 1, "maxItems": 1000,
            "items": {"$ref": "#/components/schemas/TransferToMake"}}}}',
    p_responses => '{"201": {"description": "Made, or there already", "schema": {"type": "object",
        "additionalProperties": false, "required": ["transfers"], "properties": {
            "transfers": {"type": "array", "items": {"$ref": "#/components/schemas/Transfer"}}}}}, "404": {}, "409": {}}');
select http.register_route('GET', '/api/admin/ledger/transfers/{transfer_id}', 'api.show_transfer', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage',
    p_parameters => '{"transfer_id": {"type": "string", "maxLength": 37, "description": "id of the transfer, xfer_…"}}',
    p_responses => '{"200": {"description": "The transfer", "schema": {"allOf": [{"$ref": "#/components/schemas/Transfer"},
        {"type": "object", "required": ["entries", "state"], "properties": {
            "entries": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                "required": ["account", "version", "amount_minor", "previous_minor", "current_minor"], "properties": {
                    "account": {"type": "string"}, "version": {"type": "integer"}, "amount_minor": {"type": "integer"},
                    "previous_minor": {"type": "integer"}, "current_minor": {"type": "integer"}}}},
            "state": {"enum": ["open", "posted", "voided", "expired", null], "description": "of a hold"}}}]},
        "headers": {"ETag": {"description": "Changes when a hold''s state does", "schema": {"type": "string"}}}}, "404": {}}');
select http.register_route('POST', '/api/admin/ledger/transfers/{transfer_id}/reversal', 'api.reverse_transfer',
    p_domain => 'ledger', p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_parameters => '{"transfer_id": {"type": "string", "maxLength": 37, "description": "id of the transfer, xfer_…"}}',
    p_request_schema => '{"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "id": {"type": "string", "pattern": "^(xfer_[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
            "description": "a UUID of yours", "examples": ["019ab0e2-3c54-7d20-8a0e-5f6d9c1b2a40"]},
        "event_at": {"type": "string", "format": "date-time", "description": "when it is taken back; now unless said"},
        "reference": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "maxLength": 500}}}',
    p_responses => '{"201": {"description": "Taken back", "schema": {"type": "object",
        "additionalProperties": false, "required": ["transfers"], "properties": {
            "transfers": {"type": "array", "items": {"$ref": "#/components/schemas/Transfer"}}}}}, "404": {}, "409": {}}');
select http.register_route('POST', '/api/admin/ledger/exchanges', 'api.exchange_money', p_domain => 'ledger',
    p_scopes => '{platform}', p_limit_class => 'manage', p_is_sensitive => true, p_lane => 'alone',
    p_request_schema => '{"type": "object", "additionalProperties": false,
        "required": ["id", "from", "to", "sell_currency", "buy_currency", "sell_minor", "rate"], "properties": {
        "id": {"type": "string", "pattern": "^(xfer_[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
            "description": "a UUID of yours", "examples": ["019ab0e2-3c54-7d20-8a0e-5f6d9c1b2a41"]},
        "from": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["cash"]},
        "to": {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["cash"]},
        "sell_currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]},
        "buy_currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]},
        "sell_minor": {"type": "integer", "minimum": 1, "maximum": 1000000000000000, "examples": [10000]},
        "rate": {"type": "string", "pattern": "^[0-9]{1,18}(\\.[0-9]{1,30})?$", "examples": ["0.9137"]},
        "buy_minor": {"type": "integer", "minimum": 1, "maximum": 1000000000000000},
        "event_at": {"type": "string", "format": "date-time"},
        "reference": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": {"type": "string", "maxLength": 500}}}',
    p_responses => '{"201": {"description": "Exchanged", "schema": {"type": "object", "additionalProperties": false,
        "required": ["id", "sell_transfer_id", "buy_transfer_id", "sell_currency", "sell_minor", "buy_currency", "buy_minor",
            "rate", "event_at", "created_at"], "properties": {
            "id": {"type": "string"}, "sell_transfer_id": {"type": "string"}, "buy_transfer_id": {"type": "string"},
            "sell_currency": {"type": "string"}, "sell_minor": {"type": "integer"},
            "buy_currency": {"type": "string"}, "buy_minor": {"type": "integer"},
            "rate": {"type": "string", "description": "a decimal number, exact"},
            "event_at": {"type": "string", "format": "date-time"},
            "created_at": {"type": "string", "format": "date-time"}}}}, "404": {}, "409": {}}');
