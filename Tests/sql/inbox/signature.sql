-- Signatures of each scheme, by vectors of those who made the schemes.
begin;
select plan(64);
set local timezone = 'UTC';

-- RFC 4231, test cases 1 to 7 (5 is a truncated one), and an empty key and message.
select is(encode(inbox.hmac_sha256(decode(v.key, 'hex'), decode(v.message, 'hex')), 'hex'), v.code, 'HMAC-SHA256: ' || v.name)
from (values
    ('RFC 4231, 1', repeat('0b', 20), encode('Hi There', 'hex'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'),
    ('RFC 4231, 2', encode('Jefe', 'hex'), encode('what do ya want for nothing?', 'hex'),
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
    ('RFC 4231, 3', repeat('aa', 20), repeat('dd', 50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'),
    ('RFC 4231, 4', '0102030405060708090a0b0c0d0e0f10111213141516171819', repeat('cd', 50),
        '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'),
    ('RFC 4231, 6: a key longer than a block', repeat('aa', 131),
        encode('Test Using Larger Than Block-Size Key - Hash Key First', 'hex'),
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'),
    ('a key of just a block', repeat('00', 64), '', 'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad'),
    ('nothing at all', '', '', 'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad')
) as v (name, key, message, code);

select ok(inbox.is_same('\x00ff', '\x00ff'), 'the same codes are the same');
select ok(not inbox.is_same('\x00ff', '\x00fe') and not inbox.is_same('\x00ff', '\x00'), 'others are not');

-- Keys.
select is(inbox.read_key('stripe', 'whsec_MfKQ'), 'whsec_MfKQ'::bytea, 'stripe signs with the text itself');
select is(inbox.read_key('standard-webhooks', 'whsec_AP8='), '\x00ff'::bytea, 'standard webhooks with what the base64 stands for');
select is(inbox.read_key('standard-webhooks', 'AP8'), '\x00ff'::bytea, 'with or without prefix and padding');
select is(inbox.read_key('standard-webhooks', v.text), null, 'no base64: ' || v.text)
from (values ('whsec_'), ('whsec_A'), ('whsec_!!!!'), ('')) as v (text);

-- A row a try: which scheme, secrets, headers, body and time make which fault.
create temp table stripe on commit drop as
select
    '{"id": "evt_1QxOfficial", "object": "event", "type": "invoice.paid", "created": 1761999990, "data": {"object": {"name": "Größe – ☃"}}}'
        as body,
    -- By stripe.WebhookSignature of the package stripe 16.1.0.
    '73097951d8e0ffa942e3b4b53f07dfce8af48a0cae1554c10678cda37bf8afb1' as code,
    'whsec_5JUh7x8Nq0Zr2Lw4Tt6Yc9Vb' as secret,
    1762000000 as at;
create function pg_temp.try_stripe(p_header text, p_seconds integer default 0, p_secrets text[] default null, p_more text default '')
returns text language sql as $$
    select inbox.find_signature_fault(
        'stripe', coalesce(p_secrets, array[s.secret]), 300, jsonb_build_object('stripe-signature', replace(p_header, 'CODE', s.code)),
        convert_to(s.body || p_more, 'UTF8'), to_timestamp(s.at + p_seconds)
    )
    from stripe as s
$$;
select is(pg_temp.try_stripe('t=1762000000,v1=CODE'), null, 'stripe: what the official library signs is good');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 300), null, 'it is 300 seconds later');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 301), 'time', 'it is too old after 301');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', -300), null, 'the sender''s clock may be 300 seconds ahead');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', -301), 'time', 'and no more');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 0, null, ' '), 'signature', 'one more byte is another body');
select is(pg_temp.try_stripe('t=1762000001,v1=CODE'), 'signature', 'the time is signed');
select is(pg_temp.try_stripe('t=1762000000, v1=' || repeat('0', 64) || ', v1=CODE'), null, 'one of several codes suffices');
select is(pg_temp.try_stripe('t=1762000000,v0=CODE'), 'headers', 'a code of another version does not count');
select is(pg_temp.try_stripe(v.header), 'headers', 'stripe: malformed: ' || v.header)
from (values
    (''), ('v1=CODE'), ('t=1762000000'), ('t=,v1=CODE'), ('t=-1,v1=CODE'), ('t=1e9,v1=CODE'), ('t=1762000000,t=1762000000,v1=CODE'),
    ('t=999999999999999999999,v1=CODE'), ('t=1762000000,v1=zz'), ('t=1762000000,v1=AB' || repeat('0', 62)), ('nonsense')
) as v (header);
select is(inbox.find_signature_fault('stripe', '{a}', 300, '{}', ''), 'headers', 'no header at all');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 0, '{other,whsec_5JUh7x8Nq0Zr2Lw4Tt6Yc9Vb}'), null, 'any of several secrets');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 0, '{other,another}'), 'signature', 'none of several');
select is(pg_temp.try_stripe('t=1762000000,v1=CODE', 0, '{}'), 'signature', 'no secret fits nothing');
select is(
    inbox.find_signature_fault(
        'stripe', '{""}', 300, jsonb_build_object('stripe-signature', 't=1,v1=' || encode(inbox.hmac_sha256('', '1.x'), 'hex')),
        'x', to_timestamp(1)
    ), 'signature', 'an empty secret fits nothing, not even what it has signed'
);

-- The vector of the Standard Webhooks' own libraries.
create function pg_temp.try_standard(p_headers jsonb, p_seconds integer default 0, p_secrets text[] default '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}')
returns text language sql as $$
    select inbox.find_signature_fault(
        'standard-webhooks', p_secrets, 300,
        '{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}' || p_headers,
        '{"test": 2432232314}', to_timestamp(1614265330 + p_seconds)
    )
$$;
select is(pg_temp.try_standard('{}'), null, 'standard webhooks: its vector is good');
select is(pg_temp.try_standard('{}', 301), 'time', 'not for ever');
select is(pg_temp.try_standard('{"webhook-id": "msg_other"}'), 'signature', 'the id is signed');
select is(
    pg_temp.try_standard(jsonb_build_object('webhook-signature',
        'v1,' || repeat('A', 43) || '= v1a,xyz v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    )), null, 'one of several codes, among those of other versions'
);
select is(
    pg_temp.try_standard('{}', 0, '{whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD,not base64,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}'), null,
    'any of several secrets; one that is no base64 is passed over'
);
select is(pg_temp.try_standard(v.headers::jsonb), 'headers', 'standard webhooks: malformed: ' || v.headers)
from (values
    ('{"webhook-id": null}'), ('{"webhook-timestamp": "now"}'), ('{"webhook-timestamp": "1614265330.0"}'),
    ('{"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}')
) as v (headers);
select is(
    inbox.find_signature_fault(
        'standard-webhooks', '{whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}', 300,
        '{"svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "svix-timestamp": "1614265330",
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}',
        '{"test": 2432232314}', to_timestamp(1614265330)
    ), null, 'under the older names of the headers too'
);

-- The vector of GitHub's page on validating webhook deliveries.
select is(
    inbox.find_signature_fault('github', array[v.secret], 300, jsonb_build_object('x-hub-signature-256', v.header), v.body), v.fault, v.name
)
from (values
    ('It''s a Secret to Everybody', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17', 'Hello, World!'::bytea,
        null, 'github: its vector is good'),
    ('It''s a Secret to Everybody', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17', 'Hello, World'::bytea,
        'signature', 'another body is not'),
    ('x', 'sha1=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17', 'Hello, World!'::bytea, 'headers', 'sha1 is not read')
) as v (secret, header, body, fault, name);

-- Bodies that are no text.
select is(
    inbox.find_signature_fault(
        'github', '{s}', 300,
        jsonb_build_object('x-hub-signature-256', 'sha256=' || encode(inbox.hmac_sha256('s', '\x00ff80c3'), 'hex')), '\x00ff80c3'
    ), null, 'bytes that are no text are signed as well'
);

-- What an event says of itself.
select is(inbox.identify('stripe', '{}', v.payload::jsonb)::text, v.told, 'stripe: ' || v.payload)
from (values
    ('{"id": "evt_1", "type": "a.b", "created": 1762000000}', '(evt_1,a.b,"2025-11-01 12:26:40+00")'),
    ('{"id": 7, "type": "a"}', '(,a,)'), ('{"id": ""}', '(,,)'), ('[]', '(,,)')
) as v (payload, told);
select is(
    inbox.identify('standard-webhooks', '{"webhook-id": "m"}', '{"type": "t", "timestamp": "2025-11-01T12:26:40.5Z"}')::text,
    '(m,t,"2025-11-01 12:26:40.5+00")', 'standard webhooks: the id of the header, the time of the event'
);
select is(
    inbox.identify('github', '{"x-github-delivery": "72d3162e", "x-github-event": "issues"}', '{"action": "opened"}')::text,
    '(72d3162e,issues.opened,)', 'github: the event with its action'
);
select is(inbox.read_time('"2025-02-30T00:00:00Z"'), null, 'a day that does not exist is no time');
select is(inbox.read_json('\xff'), null, 'what is no JSON is none');
select is(
    inbox.clean_headers('{"Authorization": "a", "COOKIE": "b", "X-Api-Key": "c", "Proxy-Authorization": "d", "X-Other": "e"}'),
    '{"x-other": "e"}', 'headers that hold secrets are not kept'
);

select * from finish();
rollback;
