-- Erasure and export over HTTP, for the platform.
begin;
select plan(33);
-- As the owner from the beginning: partitions that are made on the way must be the server's.
select test.become('levqor_owner', true);
create temp table u on commit drop as select test.make_person('zoe.quill@mail.test', 'Zoe Quill') as zoe;
create temp table k on commit drop as select test.make_key(identity.operator_account(), '{platform}') as platform, test.make_key() as other,
    core.show_id('acct', test.make_account()) as stranger, core.show_id('acct', identity.operator_account()) as operator;
select test.act_for(null);
create function pg_temp.post(p_path text, p_body jsonb, p_context jsonb default '{}') returns test.answer language sql as $$
    select c.* from k, test.call('POST', '/api/admin/privacy/' || p_path, k.platform, p_body, p_context => p_context) as c
$$;
create function pg_temp.get(p_path text) returns test.answer language sql as $$ select c.* from k, test.call('GET', '/api/admin/privacy/' || p_path, k.platform) as c $$;

select is(c.status, 403, 'a key without the scope platform may not erase') from k, test.call('POST', '/api/admin/privacy/erasures', k.other, '{"email": "zoe.quill@mail.test"}') as c;
select is(c.status, 403, 'nor export') from k, test.call('POST', '/api/admin/privacy/exports', k.other, '{"email": "zoe.quill@mail.test"}') as c;
select is(c.status, 401, 'nobody may') from test.call('POST', '/api/admin/privacy/erasures', null, '{"email": "zoe.quill@mail.test"}') as c;
select is((c.status, c.body ->> 'state')::text, '(200,dry-run)', 'a dry run comes first') from pg_temp.post('erasures', '{"email": "zoe.quill@mail.test"}') as c;
set local levqor.machinery = 'on';
select is((api.create_erasure(p_email => 'zoe.quill@mail.test', p_dry_run => null)).status, 200, 'null is a dry run too');
select test.act_for(null);
select is_empty($$select from pg_temp.post('erasures', '{"email": "zoe.quill@mail.test"}') as c where lower(c.raw) ~ 'zoe'$$, 'without personal data');
select is((c.status, c.body ->> 'code')::text, '(404,not-found)', 'nobody is not found') from pg_temp.post('erasures', '{"email": "nobody@mail.test", "dry_run": false}') as c;
select is((c.status, c.body ->> 'code')::text, '(422,invalid-value)', 'one name is needed') from pg_temp.post('erasures', '{}') as c;
select is(c.status, 422, 'an id must be one') from pg_temp.post('erasures', '{"user_id": "zoe"}') as c;
select is(c.status, 404, 'another account is not seen by who acts for one')
from k, test.call('POST', '/api/admin/privacy/erasures', k.platform, jsonb_build_object('identifier', 'x', 'account_id', k.stranger),
    p_context => jsonb_build_object('account', k.operator)) as c;

-- A hold.
set local levqor.machinery = 'on';
create temp table h on commit drop as select privacy.place_hold('case', p_user_id => u.zoe) as hold from u;
select test.act_for(null);
select is((c.status, c.body ->> 'code', c.body ->> 'hold_id')::text, (409, 'legal-hold', core.show_id('hold', (h.hold).id))::text, 'a legal hold is a conflict that is named')
from h, pg_temp.post('erasures', '{"email": "zoe.quill@mail.test", "dry_run": false}') as c;
set local levqor.machinery = 'on';
select privacy.release_hold((h.hold).id) from h;
select test.act_for(null);

-- An export before.
create temp table x on commit drop as select c.* from pg_temp.post('exports', jsonb_build_object('user_id', (select core.show_id('user', u.zoe) from u))) as c;
select is((x.status, x.headers ->> 'Location')::text, (201, '/api/admin/privacy/exports/' || (x.body ->> 'export_id'))::text, 'an export is ordered') from x;
select is_empty($$select from privacy.export as e where e.expires_at not between e.requested_at + interval '23 hours' and e.requested_at + interval '25 hours'$$, 'for a day');
create temp table page on commit drop as select c.* from x, pg_temp.get('exports/' || (x.body ->> 'export_id')) as c;
select is(p.status, 200, 'and read') from page as p;
select is(p.headers ->> 'Cache-Control', 'no-store', 'which nobody keeps') from page as p;
select is((select t.value #>> '{rows,0,email}' from page as p, jsonb_array_elements(p.body -> 'tables') as t where t.value ->> 'table' = 'identity.user'), 'zoe.quill@mail.test', 'it holds the person');
select is(c.body ->> 'next' is not null, true, 'it comes in pages') from x, pg_temp.get('exports/' || (x.body ->> 'export_id') || '?max_bytes=1024') as c;
select is(c.status, 422, 'a cursor must be one') from x, pg_temp.get('exports/' || (x.body ->> 'export_id') || '?cursor=ab') as c;
select is(c.status, 404, 'an unknown export is none') from pg_temp.get('exports/' || core.show_id('export', core.new_id())) as c;

-- The erasure.
create temp table e on commit drop as select c.* from pg_temp.post('erasures', '{"email": "Zoe.Quill@mail.test", "dry_run": false, "reason": "ticket 7"}', '{"idempotency_key": "once"}') as c;
select is((e.status, e.body ->> 'state', e.headers ->> 'Location')::text, (202, 'running', '/api/admin/privacy/erasures/' || (e.body ->> 'erasure_id'))::text, 'it is begun') from e;
select is(c.body, e.body, 'the same request again gets the same answer') from e, pg_temp.post('erasures', '{"email": "Zoe.Quill@mail.test", "dry_run": false, "reason": "ticket 7"}', '{"idempotency_key": "once"}') as c;
select is((c.status, c.body ->> 'erasure_id')::text, (202, e.body ->> 'erasure_id')::text, 'another request for the same person the same erasure') from e, pg_temp.post('erasures', '{"email": "zoe.quill@mail.test", "dry_run": false}') as c;
select is((c.status, c.body ->> 'state')::text, '(200,running)', 'it can be looked at') from e, pg_temp.get('erasures/' || (e.body ->> 'erasure_id')) as c;
select is((c.status, c.body ->> 'detail')::text, '(409,"The erasure is still running.")', 'there is no certificate yet') from e, pg_temp.get('erasures/' || (e.body ->> 'erasure_id') || '/certificate') as c;
-- Each step is a run of its own: the next is due when that has ended.
create temp table told (told text) on commit drop;
insert into told select unnest(test.turn_clock());
insert into told select unnest(test.turn_clock());
insert into told select unnest(test.turn_clock());
insert into told select unnest(test.turn_clock());
select is((select array_agg(distinct t.told order by t.told) from told as t where t.told like 'privacy-erase %'), '{"privacy-erase running","privacy-erase succeeded"}', 'the clock carries it out, in steps');
select is((c.status, c.body ->> 'state')::text, '(200,done)', 'then it is done') from e, pg_temp.get('erasures/' || (e.body ->> 'erasure_id')) as c;
select is((c.status, c.body ->> 'is_valid', c.body ->> 'sha256' = encode(sha256(convert_to(c.body ->> 'text', 'UTF8')), 'hex'))::text, '(200,true,t)', 'with a certificate')
from e, pg_temp.get('erasures/' || (e.body ->> 'erasure_id') || '/certificate') as c;
select is(c.status, 404, 'an unknown one has none') from pg_temp.get('erasures/' || core.show_id('erasure', core.new_id()) || '/certificate') as c;
select is(c.status, 404, 'the export is gone too') from x, pg_temp.get('exports/' || (x.body ->> 'export_id')) as c;
set local levqor.machinery = 'on';
select is((select string_agg(f.place, ', ') from test.find_text('{zoe.quill@mail.test,"zoe quill"}') as f), null, 'nothing is left');
select is((c.status, c.body ->> 'certificate' is not null)::text, '(200,t)', 'asked for once more, it is done') from pg_temp.post('erasures', '{"email": "zoe.quill@mail.test", "dry_run": false}') as c;
set local levqor.machinery = 'on';
select isnt_empty($$select from audit.entry as a where a.action = 'privacy.ask_erasure' and a.actor like 'key\_%'$$, 'who asked is in the audit trail');

-- Orders go.
insert into privacy.export (subject, digests, requested_at, requested_by, expires_at) values ('{}', '{}', core.now() - interval '2 days', 'x', core.now() - interval '1 day');
select is(privacy.trim_exports(), 1::bigint, 'orders that have expired are removed');

select * from finish();
rollback;
