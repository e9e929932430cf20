-- Webhooks of others come in: answers, what is kept, what is only counted.
begin;
select plan(41);

set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-01 12:00:00+00');
create temp table s on commit drop as
select
    inbox.create_source('pay', 'stripe', '{PAY,PAY_OLD}') as pay, inbox.create_source('std', 'standard-webhooks') as std,
    inbox.create_source('hub', 'github', '{HUB}') as hub;
-- A raw request as the server hands it over.
create function pg_temp.raw(p_body bytea, p_headers jsonb, p_secrets jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object('body', encode(p_body, 'base64'), 'headers', p_headers, 'secrets', p_secrets)
$$;
create function pg_temp.pay(p_id text, p_secret text default 'new', p_at bigint default 1772366400, p_more jsonb default '{}') returns jsonb
language sql as $$
    select pg_temp.raw(
        b.body,
        jsonb_build_object('stripe-signature', format(
            't=%s,v1=%s', p_at, encode(inbox.hmac_sha256(convert_to(p_secret, 'UTF8'), convert_to(p_at || '.', 'UTF8') || b.body), 'hex')
        )) || p_more,
        '{"credential/PAY": "new", "credential/PAY_OLD": "old"}'
    )
    from (select convert_to(format('{"id": "%s", "type": "invoice.paid", "created": 1772366000}', p_id), 'UTF8') as body) as b
$$;

-- The server asks for the secrets, once, and by name.
create temp table asked on commit drop as
select c.* from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_1') - 'secrets' || '{"secrets": {}}') as c;
select is(a.outcome, 'wait', 'a first call is no answer yet') from asked as a;
select is(a.more -> 'wait_for', '["secrets", "credential/PAY", "credential/PAY_OLD"]', 'it names the secrets of the source') from asked as a;
select is_empty('select from inbox.delivery', 'and keeps nothing');

create temp table taken on commit drop as select c.* from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay(
    'evt_1', p_more => '{"Authorization": "Bearer x", "user-agent": "Pay/1"}'
)) as c;
select is(t.status, 202, 'a good one is kept') from taken as t;
select matches(t.body ->> 'id', '^rcv_[0-9a-f]{32}$', 'under an id of ours') from taken as t;
select is(
    d.event_id || ' ' || d.event_type || ' ' || extract(epoch from d.event_at)::bigint || ' ' || d.state, 'evt_1 invoice.paid 1772366000 waiting',
    'with what it says of itself'
) from inbox.delivery as d;
select is(d.body, convert_to('{"id": "evt_1", "type": "invoice.paid", "created": 1772366000}', 'UTF8'), 'its bytes are as they came')
from inbox.delivery as d;
select ok(d.headers ? 'stripe-signature' and d.headers ? 'user-agent' and not d.headers ? 'authorization', 'its headers without secrets')
from inbox.delivery as d;
select is(d.received_at, '2026-03-01 12:00:00+00'::timestamptz, 'the time is that of the one clock') from inbox.delivery as d;
select ok(
    not exists (select from inbox.delivery as d where d::text ~ '"new"|"old"'), 'no secret is stored'
);

create temp table again on commit drop as select c.* from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_1', 'old')) as c;
select is(a.status, 200, 'a repeat is answered well, also when it is signed with another of the secrets') from again as a;
select is(a.body, '{"received": true, "repeated": true}', 'and told so') from again as a;
select is((select count(*) from inbox.delivery), 1::bigint, 'it is not kept again');
select is((select t.times from inbox.tally as t where t.what = 'repeated'), 1::bigint, 'it is counted');

create temp table wrong on commit drop as select c.* from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_2', 'wrong')) as c;
select is(w.status, 401, 'a wrong signature is refused') from wrong as w;
select is(w.body ->> 'code', 'signature-invalid', 'by its name') from wrong as w;
select ok(w.raw !~ 'PAY|new|old|expected' and w.headers ->> 'WWW-Authenticate' like 'Signature %', 'and nothing secret is told') from wrong as w;
select is(c.status, 401, 'so is one from too long ago') from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_3', 'new', 1772366400 - 301)) as c;
select is(c.status, 202, 'one of 300 seconds ago is not') from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_4', 'new', 1772366400 - 300)) as c;
select is(c.status, 401, 'none without a signature')
from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.raw('{}', '{}', '{"credential/PAY": "new", "credential/PAY_OLD": null}')) as c;
select is(c.status, 422, 'a signed one without an id is refused') from test.call('POST', '/api/v1/inbox/pay', null, (
    select pg_temp.raw('{}', jsonb_build_object('stripe-signature', 't=1772366400,v1=' || encode(inbox.hmac_sha256('new', '1772366400.{}'), 'hex')),
        '{"credential/PAY": "new", "credential/PAY_OLD": null}')
)) as c;
select is(
    (select string_agg(t.what || ' ' || t.times, ', ' order by t.what) from inbox.tally as t where t.source_id = (select (s.pay).id from s)),
    'event 1, headers 1, repeated 1, signature 1, time 1', 'each is counted by its reason'
);
select is((select count(*) from inbox.delivery), 2::bigint, 'and nothing of them is kept');
select is(c.status, 404, 'an unknown source') from test.call('POST', '/api/v1/inbox/nobody', null, pg_temp.pay('evt_5')) as c;
select is(c.status, 422, 'secrets come from the server alone')
from test.call('POST', '/api/v1/inbox/pay?secrets=x', null, pg_temp.pay('evt_5')) as c;
select is(c.status, 422, 'and so do the headers') from test.call('POST', '/api/v1/inbox/pay?headers=x', null, pg_temp.pay('evt_5')) as c;

-- Secrets that are not there.
create temp table unready on commit drop as select c.* from test.call(
    'POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_6') || '{"secrets": {"credential/PAY": null, "credential/PAY_OLD": ""}}'
) as c;
select is(u.status, 503, 'no secret is known: the sender is to come again') from unready as u;
select ok(u.raw !~ 'PAY', 'and does not learn their names') from unready as u;
select is(c.status, 503, 'a source that names none') from test.call('POST', '/api/v1/inbox/std', null, pg_temp.raw('{}', '{}')) as c;

-- The derived secret, and the one before.
select is(inbox.name_secrets(inbox.make_secret('std')), array['derived/' || inbox.name_secret((s.std).id, 1)], 'a derived secret') from s;
select is(
    inbox.name_secrets(inbox.make_secret('std', '1 hour')),
    array['derived/' || inbox.name_secret((s.std).id, 2), 'derived/' || inbox.name_secret((s.std).id, 1)], 'two while they overlap'
) from s;
select core.set_test_clock('2026-03-01 13:00:00+00');
select is(
    inbox.name_secrets(o), array['derived/' || inbox.name_secret(o.id, 2)], 'and one after'
) from inbox.find_source('std') as o;

-- Other schemes, and bytes that are no text.
select is(r.outcome, 'accepted', 'standard webhooks, from psql')
from s, inbox.receive(
    'std', '{"type": "t"}', jsonb_build_object('Webhook-Id', 'msg_1', 'Webhook-Timestamp', '1772370000', 'Webhook-Signature', 'v1,' || encode(
        inbox.hmac_sha256(decode('AP8=', 'base64'), 'msg_1.1772370000.{"type": "t"}'), 'base64'
    )), jsonb_build_object('derived/' || inbox.name_secret((s.std).id, 2), 'whsec_AP8=')
) as r;
select is(c.status, 202, 'github, with a body that is no text')
from test.call('POST', '/api/v1/inbox/hub', null, pg_temp.raw(
    '\x00ff80', jsonb_build_object(
        'x-github-delivery', 'd1', 'x-github-event', 'ping', 'x-hub-signature-256', 'sha256=' || encode(inbox.hmac_sha256('h', '\x00ff80'), 'hex')
    ), '{"credential/HUB": "h"}'
)) as c;
select is((select d.body from inbox.delivery as d where d.event_id = 'd1'), '\x00ff80'::bytea, 'which is kept byte for byte');

-- States.
select inbox.change_source('hub', p_state => 'disabled'), inbox.change_source('pay', p_state => 'paused');
select is(c.status, 410, 'a disabled source tells the sender to stop') from test.call('POST', '/api/v1/inbox/hub', null, pg_temp.raw('', '{}')) as c;
select is(c.status, 202, 'a paused one goes on receiving')
from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_7', 'new', 1772370000)) as c;
select inbox.delete_source('pay');
select is(c.status, 404, 'a deleted one is unknown') from test.call('POST', '/api/v1/inbox/pay', null, pg_temp.pay('evt_8', 'new', 1772370000)) as c;
update core.setting set value = '"development"' where name = 'core.environment';
select inbox.create_source('open', 'none');
select is(c.status, 202, 'without any signature in development') from test.call('POST', '/api/v1/inbox/open', null, pg_temp.raw('x', '{}')) as c;
update core.setting set value = '"production"' where name = 'core.environment';
select is(c.status, 410, 'and nowhere else') from test.call('POST', '/api/v1/inbox/open', null, pg_temp.raw('x', '{}')) as c;

-- The same event in one batch.
select is(
    (
        select string_agg(c.status::text, ' ' order by c.call)
        from test.call_many((
            select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/inbox/std', 'body', pg_temp.raw(
                '{}', jsonb_build_object('webhook-id', 'msg_2', 'webhook-timestamp', '1772370000', 'webhook-signature', 'v1,' || encode(
                    inbox.hmac_sha256(decode('AP8=', 'base64'), 'msg_2.1772370000.{}'), 'base64'
                )), jsonb_build_object('derived/' || inbox.name_secret((s.std).id, 2), 'whsec_AP8=')
            )))
            from s, generate_series(1, 3)
        )) as c
    ), '202 200 200', 'is kept once'
);

select * from finish();
rollback;
