-- Plural doors: all calls of a route in one go, and nobody can tell it from calls one by one.
begin;
select plan(201);

-- Doors to try it with.
set local role levqor_owner;
create table api.plural_parent (id integer primary key);
create table api.plural_row (
    id integer primary key,
    parent_id integer references api.plural_parent (id) deferrable initially deferred,
    told_by text
);
create function api.try_one(p_id integer, p_mode text default null, p_parent_id integer default null) returns http.response
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if p_mode = 'refuse' then
        raise exception using errcode = 'LQ422', message = 'no';
    elsif p_mode = 'lock' then
        raise exception using errcode = '55P03', message = 'locked';
    elsif p_mode = 'fault' then
        raise exception 'broken';
    end if;
    insert into api.plural_row (id, parent_id, told_by) values (p_id, p_parent_id, 'single');
    perform core.hint('single');
    return http.json(201, jsonb_build_object('by', 'single', 'id', p_id));
end;
$$;
-- Takes what has no mode; what has one goes to the single door, or does what no door of the product may.
create function api.try_many(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[]) returns http.response[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_responses http.response[];
    v_mode text;
begin
    for i in 1 .. cardinality(p_calls) loop
        -- Calls come in the order of the batch.
        if (p_calls[i]).ordinal < (p_calls[i - 1]).ordinal then
            raise exception 'out of order';
        end if;
        v_mode := p_bodies[i] ->> 'mode';
        if v_mode like 'plural %' then
            insert into api.plural_row (id, told_by) values (1000 + i, 'a plural door that raises');
            perform core.hint('plural that raises');
            raise exception using errcode = substr(v_mode, 8), message = 'plural door';
        end if;
        v_responses[i] := null;
        if v_mode is null then
            insert into api.plural_row (id, parent_id, told_by)
            values ((p_bodies[i] ->> 'id')::integer, (p_bodies[i] ->> 'parent_id')::integer, 'plural');
            perform core.hint('plural ' || (p_bodies[i] ->> 'id'));
            v_responses[i] := http.json(201, jsonb_build_object('by', 'plural', 'id', p_bodies[i] -> 'id'), '{"X-By": "plural"}');
        elsif v_mode = 'answer 503' then
            v_responses[i] := http.json(503, '{"by": "plural"}');
        elsif v_mode = 'short' then
            return v_responses;
        end if;
    end loop;
    return v_responses;
end;
$$;
create function api.try_read(p_id integer) returns http.response
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select http.json(200, jsonb_build_object('by', 'single', 'read_only', current_setting('transaction_read_only')))
$$;
create function api.try_reads(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[]) returns http.response[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (
        select array_agg(http.json(200, jsonb_build_object('by', 'plural', 'id', c.parameters -> 'id',
            'read_only', current_setting('transaction_read_only'))) order by c.n)
        from unnest(p_parameters) with ordinality as c (parameters, n)
    );
end;
$$;
-- One that writes, which no server would load.
create function api.try_writes(p_calls http.call[], p_parameters jsonb[], p_bodies jsonb[]) returns http.response[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into api.plural_row (id, told_by) values (2000, 'a GET');
    return array_fill(http.json(200, '{"by": "plural"}'), array[cardinality(p_calls)]);
end;
$$;
select http.register_route('POST', '/try/many', 'api.try_one', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true,
    p_plural_function => 'api.try_many');
select http.register_route('POST', '/try/one', 'api.try_one', p_domain => 'http', p_limit_class => 'tried', p_is_metered => true);
select http.register_route('GET', '/try/reads', 'api.try_read', p_domain => 'http', p_plural_function => 'api.try_reads',
    p_parameters => '{"id": {"type": "integer"}}');
select http.register_route('GET', '/try/writes', 'api.try_read', p_domain => 'http', p_plural_function => 'api.try_writes',
    p_parameters => '{"id": {"type": "integer"}}');
reset role;
select core.set_test_clock('2031-01-01 12:00:00+00');
select test.make_account('A') as a, test.make_account('B') as b \gset
select test.make_key(:'a') as key_a, test.make_key(:'b') as key_b, test.make_key(identity.operator_account(), '{platform}') as key_p \gset
select set_config('test.key_a', :'key_a', true), set_config('test.key_b', :'key_b', true);

create function pg_temp.post(p_path text, p_bodies jsonb, p_key text default null) returns jsonb language sql as $$
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', p_path, 'key', coalesce(p_key, current_setting('test.key_a')), 'body', b.value)
        order by b.n)
    from jsonb_array_elements(p_bodies) with ordinality as b (value, n)
$$;
-- Of a statement that fails as a whole: no answers.
create function pg_temp.send(p_calls jsonb) returns setof test.answer language plpgsql as $$
begin
    return query select c.* from test.call_many(p_calls) as c;
exception
    when others or query_canceled then
        return;
end;
$$;
create function pg_temp.rows() returns text language sql as $$
    select string_agg(r.id || ' ' || r.told_by, ', ' order by r.id) from api.plural_row as r
$$;

-- A batch.
create temp table batch as
select c.* from pg_temp.send(pg_temp.post('/try/many', '[{"id": 1}, {"id": 2}, {"id": 3, "mode": "x"}, {"id": 4}]')) as c;
select is(array_agg(b.status || ' ' || (b.body ->> 'by') || ' ' || (b.body ->> 'id') order by b.call),
    '{"201 plural 1","201 plural 2","201 single 3","201 plural 4"}', 'a batch is answered by the plural door, but for what it leaves')
from batch as b;
select is(pg_temp.rows(), '1 plural, 2 plural, 3 single, 4 plural', 'each is done once');
select is(
    array_agg(array_to_string(b.hints, ',') order by b.call), array[E'plural 1\t1,plural 2\t1,plural 4\t1', '', E'single\t1', ''],
    'its hints travel with its first answer, those of a single call with its own'
)
from batch as b;
select is(array_agg(coalesce(b.headers ->> 'X-By', '-') order by b.call), '{plural,plural,-,plural}', 'headers are those of the door') from batch as b;
select is(array_agg(distinct b.more ->> 'account'), array[:'a'], 'who it was is told of each') from batch as b;
select is(array_agg(distinct b.more - 'account' - 'key'), array['{"decision": {"tier": "sandbox"}}'::jsonb], 'and what decided') from batch as b;
select is(count(*), 4::bigint, 'each is answered once') from batch as b;
select is(c.body ->> 'by', 'plural', 'a call alone goes to the plural door too')
from test.call('POST', '/try/many', :'key_a', '{"id": 5}') as c;
select is(c.hints, array[E'plural 6\t1'], 'with its hints') from test.call('POST', '/try/many', :'key_a', '{"id": 6}') as c;
select is(c.body ->> 'by', 'single', 'what that leaves goes to the single one')
from test.call('POST', '/try/many', :'key_a', '{"id": 7, "mode": "x"}') as c;

-- It raises.
select is(array_agg(c.status || ' ' || (c.body ->> 'by') order by c.call), '{"201 single","201 single","201 single"}',
    'when it raises ' || s.state || ', each call is made by itself')
from unnest('{LQ422,XX000,23505,40P01,55P03,40001}'::text[]) with ordinality as s (state, n)
cross join lateral pg_temp.send(pg_temp.post('/try/many', jsonb_build_array(
    jsonb_build_object('id', s.n * 100 + 1), jsonb_build_object('id', s.n * 100 + 2, 'mode', 'plural ' || s.state),
    jsonb_build_object('id', s.n * 100 + 3)
))) as c
group by s.n, s.state order by s.n;
select is_empty($$select from api.plural_row as r where r.told_by like '%raises' or r.id > 100 and r.told_by <> 'single'$$, 'and nothing of it is left');
create temp table raised as select c.* from pg_temp.send(pg_temp.post('/try/many', '[{"id": 901}, {"id": 902, "mode": "plural XX000"}]')) as c;
select is(array_agg(r.hints::text order by r.call), array[array[E'single\t1']::text, array[E'single\t1']::text], 'not even its hints') from raised as r;
select is(c.status || ' ' || (c.body ->> 'by'), '201 single', 'also when the call is alone')
from test.call('POST', '/try/many', :'key_a', '{"id": 903, "mode": "plural XX000"}') as c;
select is(array_agg(c.status order by c.call), '{201,422,500,201}', 'then each fails for itself')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 911}, {"id": 912, "mode": "refuse"}, {"id": 913, "mode": "fault"}, {"id": 914}]')) as c;
select is(array_agg(coalesce(c.status::text, c.outcome) order by c.call), '{201,again,201}', 'a lock in a single call leaves what the plural door has done')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 921}, {"id": 922, "mode": "lock"}, {"id": 923}]')) as c;
select is(array_agg(coalesce(c.status::text, c.outcome) order by c.call), '{201,again,again,201}', 'and only single ones behind it come again')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 931}, {"id": 932, "mode": "lock"}, {"id": 933, "mode": "x"}, {"id": 934}]')) as c;
select is(array_agg(coalesce(c.status::text, c.outcome) order by c.call), '{again,503,again}', 'a plural door that takes too long ends none but its own calls')
from pg_temp.send(
    pg_temp.post('/try/one', '[{"id": 941}]') || pg_temp.post('/try/many', '[{"id": 942, "mode": "plural 57014"}]')
        || pg_temp.post('/try/one', '[{"id": 943}]')
) as c;
select is(array_agg(c.status || ' ' || (c.body ->> 'by') order by c.call), '{"201 plural","201 single","201 single"}', 'answers that are missing are made one by one')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 951}, {"id": 952, "mode": "short"}, {"id": 953}]')) as c;

-- Constraints that wait for the end.
select is(array_agg(c.status || ' ' || coalesce(c.body ->> 'by', c.body ->> 'detail') order by c.call),
    '{"201 single","409 Rule: plural row parent id.","201 single"}', 'a deferred constraint fails its own call')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 961}, {"id": 962, "parent_id": 404}, {"id": 963}]')) as c;
select is(c.status, 409, 'also alone') from test.call('POST', '/try/many', :'key_a', '{"id": 964, "parent_id": 404}') as c;
select is_empty('select from api.plural_row as r where r.parent_id is not null', 'and leaves nothing');

-- Reading.
delete from api.plural_row;
create temp table reading as
select c.* from pg_temp.send(jsonb_build_array(
    jsonb_build_object('method', 'GET', 'path', '/try/reads?id=1', 'key', :'key_a'),
    jsonb_build_object('method', 'GET', 'path', '/try/writes?id=1', 'key', :'key_a'),
    jsonb_build_object('method', 'POST', 'path', '/try/one', 'key', :'key_a', 'body', '{"id": 1}'::jsonb),
    jsonb_build_object('method', 'GET', 'path', '/try/reads?id=2', 'key', :'key_a'),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 2}'::jsonb)
)) as c;
select is(array_agg(r.status || ' ' || (r.body ->> 'by') order by r.call),
    '{"200 plural","200 single","201 single","200 plural","201 plural"}', 'reading and writing doors share a batch') from reading as r;
select is(array_agg(distinct r.body ->> 'read_only'), '{on}', 'a plural door of a GET runs read-only') from reading as r where r.call in (1, 2, 4);
select is(array_agg(r.body ->> 'id' order by r.call), '{1,2}', 'each gets its own answer') from reading as r where r.call in (1, 4);
select is(pg_temp.rows(), '1 single, 2 plural', 'one that writes has written nothing');
select is(c.status || ' ' || (c.body ->> 'by'), '200 single', 'nor alone') from test.call('GET', '/try/writes?id=1', :'key_a') as c;
select is(b.reason, 'the function api.try_writes(http.call[], jsonb[], jsonb[]) returning http.response[] does not exist', 'and no server loads it')
from http.find_bad_routes() as b where b.route = 'GET /try/writes';

-- Mixed with everything else.
insert into limits.policy (name, scope, route_class, quota, burst, window_seconds) values ('tried', 'key', 'tried', 60, 4, 60);
create temp table replayed as select c.* from test.call('POST', '/try/many', :'key_a', '{"id": 10}', null, '{"idempotency_key": "r"}') as c;
create temp table mixed as
select c.* from pg_temp.send(jsonb_build_array(
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 11}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', 'lvk_live_x', 'body', '{"id": 12}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 13}'::jsonb, 'version', 0),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 10}'::jsonb, 'context', '{"idempotency_key": "r"}'::jsonb),
    jsonb_build_object('method', 'GET', 'path', '/api/v1/keys', 'key', :'key_a'),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 14}'::jsonb, 'context', '{"idempotency_key": "n"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_b', 'body', '{"id": 15}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 16}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_a', 'body', '{"id": 17}'::jsonb, 'context', '{"admitted": true}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/one', 'key', :'key_b', 'body', '{"id": 18, "mode": "lock"}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/one', 'key', :'key_b', 'body', '{"id": 19}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_b', 'body', '{"id": 20}'::jsonb)
)) as c;
select is(
    array_agg(coalesce(m.status::text, m.outcome) order by m.call), '{201,401,stale,201,200,201,201,429,201,again,again,201}',
    'plural, single, refused, stale, replayed and put off calls share a batch'
)
from mixed as m;
select is(array_agg(m.call order by m.call), '{1,2,3,4,5,6,7,8,9,10,11,12}', 'each is answered once') from mixed as m;
select is(array_agg(r.id order by r.id), '{1,2,10,11,14,15,17,20}', 'and done once, or not at all') from api.plural_row as r;
select is(m.raw, r.raw, 'a replay is the first answer') from mixed as m cross join replayed as r where m.call = 4;
select is(m.more -> 'decision' -> 'flags', '["replayed"]', 'and told as one') from mixed as m where m.call = 4;
select is(count(*), 7::bigint, 'limits are told of every call that is answered by a limited route')
from mixed as m where m.headers ->> 'RateLimit' like '"tried";%';
select is(c.raw, m.raw, 'an answer of the plural door is kept under its Idempotency-Key')
from mixed as m cross join lateral test.call('POST', '/try/many', :'key_a', '{"id": 14}', null, '{"idempotency_key": "n", "admitted": true}') as c where m.call = 6;
delete from limits.policy where name = 'tried';

-- An answer that is a fault of ours is given back.
create temp table used_before as select u.used from quota.usage as u where u.account_id = :'a';
select is(array_agg(c.status order by c.call), '{503,201}', 'a plural door may answer that it can not')
from pg_temp.send(pg_temp.post('/try/many', '[{"id": 30, "mode": "answer 503"}, {"id": 31}]')) as c;
select is(u.used - b.used, 1::bigint, 'which is not charged to the month') from quota.usage as u cross join used_before as b where u.account_id = :'a';

-- The doors of the product: what they answer, they answer in each of three ways: alone, among others, and without plural door.
create function pg_temp.plain(p_answer test.answer, p_hints text[] default null) returns text language sql as $$
    select regexp_replace(
        concat_ws(' ', p_answer.outcome, p_answer.status, p_answer.body - 'request_id',
            p_answer.headers - '{RateLimit,RateLimit-Policy,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset}'::text[],
            array_to_string(coalesce(p_hints, p_answer.hints), ','), p_answer.more - '{key,decision}'::text[]),
        'job_[0-9a-f]{32}', 'job_id', 'g'
    )
$$;
create function pg_temp.ways(p_calls jsonb, p_path text) returns table (n bigint, alone text, gathered text, single text) language plpgsql as $$
declare
    v_call record;
    v_function text := (select r.plural_function from http.route as r where r.path = p_path);
begin
    for v_call in select c.value, c.n from jsonb_array_elements(p_calls) with ordinality as c (value, n) loop
        delete from limits.bucket;
        n := v_call.n;
        update http.route as r set plural_function = v_function where r.path = p_path;
        alone := null;
        gathered := null;
        single := null;
        select pg_temp.plain(c) into alone from pg_temp.send(jsonb_build_array(v_call.value)) as c;
        -- The first answer bears the hints of its neighbour too.
        select pg_temp.plain(c, c.hints[1:1]) into gathered from pg_temp.send(jsonb_build_array(v_call.value, p_calls -> 0)) as c where c.call = 1;
        update http.route as r set plural_function = null where r.path = p_path;
        select pg_temp.plain(c) into single from pg_temp.send(jsonb_build_array(v_call.value)) as c;
        return next;
    end loop;
    update http.route as r set plural_function = v_function where r.path = p_path;
end;
$$;
update quota.tier set calls_per_month = 100000 where name = 'sandbox';
create temp table intake as
select row_number() over () as n, i.*
from (values
    ('a job', '{"workflow": "w", "payload": {"n": 1}}'::text, ''::text),
    ('all members', '{"workflow": "w", "payload": {}, "callback_url": "https://example.org/hook", "priority": "high"}', ''),
    ('nulls', '{"workflow": "w", "payload": {}, "callback_url": null, "priority": null}', ''),
    ('a workflow that is no text', '{"workflow": 1, "payload": {}}', ''),
    ('a workflow that is null', '{"workflow": null, "payload": {}}', ''),
    ('no workflow', '{"payload": {}}', ''),
    ('an empty workflow', '{"workflow": "", "payload": {}}', ''),
    ('a long workflow', jsonb_build_object('workflow', repeat('w', 129), 'payload', '{}'::jsonb)::text, ''),
    ('a workflow of other letters', '{"workflow": "wörk/flow", "payload": {}}', ''),
    ('a payload that is a list', '{"workflow": "w", "payload": [1]}', ''),
    ('one that is null', '{"workflow": "w", "payload": null}', ''),
    ('none', '{"workflow": "w"}', ''),
    ('one of 200 KiB', jsonb_build_object('workflow', 'w', 'payload', jsonb_build_object('a', repeat('x', 204800 - 9)))::text, ''),
    ('one that is too large', jsonb_build_object('workflow', 'w', 'payload', jsonb_build_object('a', repeat('x', 204800 - 8)))::text, ''),
    ('an unknown member', '{"workflow": "w", "payload": {}, "extra": 1}', ''),
    ('a priority there is not', '{"workflow": "w", "payload": {}, "priority": "urgent"}', ''),
    ('a priority that is a number', '{"workflow": "w", "payload": {}, "priority": 1}', ''),
    ('a callback that can not be called', '{"workflow": "w", "payload": {}, "callback_url": "ftp://a/"}', ''),
    ('one with a user', '{"workflow": "w", "payload": {}, "callback_url": "https://u:p@example.org/"}', ''),
    ('one that is too long', jsonb_build_object('workflow', 'w', 'payload', '{}'::jsonb, 'callback_url', 'https://example.org/' || repeat('x', 1100))::text, ''),
    ('one that is a number', '{"workflow": "w", "payload": {}, "callback_url": 1}', ''),
    ('one that is true', '{"workflow": "w", "payload": {}, "callback_url": true}', ''),
    ('one that is empty', '{"workflow": "w", "payload": {}, "callback_url": ""}', ''),
    ('a list', '[1]', ''), ('a text', '"x"', ''), ('null', 'null', ''), ('nothing', null, ''), ('an empty text', '', ''),
    ('no JSON', '{"workflow": ', ''),
    ('a NUL', '{"workflow": "\u0000", "payload": {}}', ''),
    ('a NUL in the payload', '{"workflow": "w", "payload": {"a": "\u0000"}}', ''),
    ('half a character', '{"workflow": "w", "payload": {"a": "\ud800"}}', ''),
    ('a number that nobody can hold', '{"workflow": "w", "payload": {"a": 1e400000}}', ''),
    ('a query', '{"workflow": "w", "payload": {}}', '?priority=high'),
    ('an unknown query', '{"workflow": "w", "payload": {}}', '?x=1'),
    ('a member twice', '{"workflow": "w", "payload": {}}', '?workflow=x')
) as i (told, body, query);
create temp table intake_way as
select w.* from pg_temp.ways((
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake' || i.query, 'key', :'key_a', 'raw_body', i.body) order by i.n)
    from intake as i
), '/api/v1/intake') as w;
select is(w.alone, w.single, 'intake alone: ' || i.told) from intake_way as w inner join intake as i on i.n = w.n order by i.n;
select is(w.gathered, w.single, 'intake among others: ' || i.told) from intake_way as w inner join intake as i on i.n = w.n order by i.n;
select is(
    (select string_agg(distinct substring(w.single from '^[a-z]+ ([0-9]+)'), ',') from intake_way as w), '202,400,413,422', 'all kinds of answers are among them'
);
-- And what they leave is the same.
select is(
    (select count(distinct (j.workflow, j.priority, j.payload, j.callback_url, j.max_attempts, j.due_at, j.is_delayed, j.created_at, j.submitted_by, j.status,
        j.reason, j.account_id, left(j.id::text, 15))) from jobs.job as j where j.account_id = :'a' and j.workflow = 'w' and j.payload = '{"n": 1}'),
    1::bigint, 'the same job is handed in in each way'
);

-- Status.
create temp table job as
select core.show_id('job', (jobs.submit_job(x.account::uuid, 'w', '{"n": 1}')).id) as id, x.name
from (values ('mine', :'a'), ('other', :'b')) as x (name, account);
create temp table status as
select row_number() over () as n, s.*
from (values
    ('one''s own', (select j.id from job as j where j.name = 'mine'), '{}'::jsonb, :'key_a'),
    ('another account''s', (select j.id from job as j where j.name = 'other'), '{}', :'key_a'),
    ('one there is not', 'job_' || repeat('0', 32), '{}', :'key_a'),
    ('no id', 'nothing', '{}', :'key_a'),
    ('an id of something else', core.show_id('acct', :'a'), '{}', :'key_a'),
    ('a query', (select j.id || '?x=1' from job as j where j.name = 'mine'), '{}', :'key_a'),
    ('another''s, by a platform key', (select j.id from job as j where j.name = 'other'), '{}', :'key_p'),
    ('one there is not, by a platform key', 'job_' || repeat('0', 32), '{}', :'key_p'),
    ('by a platform key in the name of the account', (select j.id from job as j where j.name = 'mine'),
        jsonb_build_object('account', core.show_id('acct', :'a')), :'key_p'),
    ('by a platform key in the name of another', (select j.id from job as j where j.name = 'mine'),
        jsonb_build_object('account', core.show_id('acct', :'b')), :'key_p')
) as s (told, job, context, key);
create temp table status_way as
select w.* from pg_temp.ways((
    select jsonb_agg(jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || s.job, 'key', s.key, 'context', s.context) order by s.n)
    from status as s
), '/api/v1/status/{job_id}') as w;
select is(w.alone, w.single, 'status alone: ' || s.told) from status_way as w inner join status as s on s.n = w.n order by s.n;
select is(w.gathered, w.single, 'status among others: ' || s.told) from status_way as w inner join status as s on s.n = w.n order by s.n;
select is(
    (select string_agg(substring(w.single from '^[a-z]+ ([0-9]+)'), ',' order by w.n) from status_way as w), '200,404,404,404,404,422,200,404,200,404',
    'each finds what it may see'
);
select is(
    array_agg(coalesce(c.status::text, c.outcome) order by c.call), '{200,400,200}', 'a NUL in a path is its own caller''s mistake'
)
from job as j cross join lateral pg_temp.send(jsonb_build_array(
    jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || j.id, 'key', :'key_a'),
    jsonb_build_object('method', 'GET', 'path', '/api/v1/status/x', 'key', :'key_b', 'parameters', '{"job_id": "\u0000"}'),
    jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || j.id, 'key', :'key_a')
)) as c where j.name = 'mine';

-- Strangers in one plural batch.
create temp table strangers as
select c.* from pg_temp.send((
    select jsonb_agg(jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || j.id, 'key', k.key, 'context', k.context) order by k.n, j.name)
    from job as j
    cross join (values (1, :'key_a', '{}'::jsonb), (2, :'key_p', '{}'), (3, :'key_b', '{}'),
        (4, :'key_p', jsonb_build_object('account', core.show_id('acct', :'b'))), (5, 'lvk_live_x', '{}')) as k (n, key, context)
)) as c;
select is(
    array_agg(s.status order by s.call), '{200,404,200,200,404,200,404,200,401,401}', 'each sees its own: A, the platform, B, the platform for B, nobody'
)
from strangers as s;
select is((select s.raw from strangers as s where s.call = 3), (select s.raw from strangers as s where s.call = 1), 'in the same words');
create temp table handed as
select c.* from pg_temp.send(jsonb_build_array(
    jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', :'key_a', 'body', '{"workflow": "mixed", "payload": {"of": "a"}}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', :'key_b', 'body', '{"workflow": "mixed", "payload": {"of": "b"}}'::jsonb),
    jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', :'key_p', 'body', '{"workflow": "mixed", "payload": {"of": "p for b"}}'::jsonb,
        'context', jsonb_build_object('account', core.show_id('acct', :'b')))
)) as c;
select results_eq(
    $$select j.payload ->> 'of', a.name, j.submitted_by = core.show_id('key', (h.more ->> 'key')::uuid) from handed as h
        inner join jobs.job as j on j.id = core.read_id('job', h.body ->> 'job_id') inner join identity.account as a on a.id = j.account_id order by h.call$$,
    $$values ('a', 'A', true), ('b', 'B', true), ('p for b', 'B', true)$$, 'each job belongs to whom its call acted for, by the key that called'
);
select is(
    (select h.hints from handed as h where h.call = 1),
    array['jobs/' || :'a' || E'/mixed\t1', 'jobs/' || :'b' || E'/mixed\t1'], 'the workers of both accounts get their hint, once'
);
-- Whatever the planner does: the answers are in the order of the calls.
delete from api.plural_row;
set local enable_hashjoin = off;
set local enable_nestloop = off;
discard plans;
select is(
    array_agg(coalesce(c.body ->> 'id', c.body ->> 'detail', c.body ->> 'status') order by c.call),
    array(select (case when n % 3 = 0 then 'queued' else n::text end) from generate_series(1, 60) as n), 'sixty calls of three routes keep their answers'
)
from test.call_many((
    select jsonb_agg(
        case n % 3
            when 0 then jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || j.id, 'key', :'key_a')
            when 1 then jsonb_build_object('method', 'POST', 'path', '/try/many', 'key', :'key_b', 'body', jsonb_build_object('id', n))
            else jsonb_build_object('method', 'GET', 'path', '/try/reads?id=' || n, 'key', :'key_a')
        end order by n
    )
    from generate_series(1, 60) as n cross join job as j where j.name = 'mine'
)) as c;
select is(array_agg(distinct r.told_by), '{plural}', 'which came to the door in order') from api.plural_row as r;
reset enable_hashjoin;
reset enable_nestloop;
discard plans;

-- Who may: a call alone is looked at apart, and must be judged as among others.
select test.make_account('Closed') as closed, test.make_account('Suspended') as suspended \gset
select test.make_key(:'closed') as key_closed, test.make_key(:'suspended') as key_suspended, test.make_key(:'a') as key_revoked,
    test.make_key(:'a') as key_expired, test.make_key(:'a') as key_early, test.make_key(:'a', '{jobs:read}') as key_weak \gset
update identity.account set status = 'closed' where id = :'closed';
update identity.account set status = 'suspended' where id = :'suspended';
update keys.api_key set revoked_at = core.now() where id = (select t.id from keys.read_text(:'key_revoked') as t);
update keys.api_key set expires_at = core.now() where id = (select t.id from keys.read_text(:'key_expired') as t);
update keys.api_key set not_before = core.now() + interval '1 second' where id = (select t.id from keys.read_text(:'key_early') as t);
create temp table caller as
select row_number() over () as n, c.*
from (values
    ('a good key', :'key_a'), ('a platform key', :'key_p'), ('a closed account''s', :'key_closed'), ('a suspended account''s', :'key_suspended'),
    ('a revoked one', :'key_revoked'), ('an expired one', :'key_expired'), ('one to come', :'key_early'), ('one without the scope', :'key_weak'),
    ('one of another secret', (
        select v.prefix || translate(encode(
            substring(v.bytes from 1 for 32) || decode(repeat('07', 24), 'hex')
                || substring(sha256(convert_to(v.prefix, 'UTF8') || substring(v.bytes from 1 for 32) || decode(repeat('07', 24), 'hex')) from 1 for 4),
            'base64'), E'+/\n', '-_')
        from (select left(:'key_a', 9) as prefix, decode(translate(substring(:'key_a' from 10), '-_', '+/'), 'base64') as bytes) as v
    )),
    ('one of another mode', replace(:'key_a', 'lvk_live_', 'lvk_test_')), ('a text that is none', 'lvk_live_x'), ('none', null)
) as c (told, key);
create function pg_temp.as_called(p_calls jsonb, p_path text) returns table (n bigint, alone text, gathered text, single text) language plpgsql as $$
declare
    v_call record;
    v_function text := (select r.plural_function from http.route as r where r.path = p_path);
begin
    for v_call in select c.value, c.n from jsonb_array_elements(p_calls) with ordinality as c (value, n) loop
        n := v_call.n;
        -- With all headers: what is left is the same each time.
        delete from limits.bucket;
        delete from quota.usage;
        select pg_temp.plain(c, '{}') || (c.headers - 'Location')::text into alone from test.call_many(jsonb_build_array(v_call.value)) as c;
        delete from limits.bucket;
        delete from quota.usage;
        select pg_temp.plain(c, '{}') || (c.headers - 'Location')::text into gathered
        from test.call_many(jsonb_build_array(v_call.value, '{"method": "GET", "path": "/livez"}'::jsonb)) as c where c.call = 1;
        delete from limits.bucket;
        delete from quota.usage;
        update http.route as r set plural_function = null where r.path = p_path;
        select pg_temp.plain(c, '{}') || (c.headers - 'Location')::text into single from test.call_many(jsonb_build_array(v_call.value)) as c;
        update http.route as r set plural_function = v_function where r.path = p_path;
        return next;
    end loop;
end;
$$;
create temp table judged as
select 'intake' as route, c.* from pg_temp.as_called((
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', k.key, 'address', '192.0.2.1',
        'body', '{"workflow": "w", "payload": {}}'::jsonb) order by k.n)
    from caller as k
), '/api/v1/intake') as c
union all
select 'status' as route, c.* from pg_temp.as_called((
    select jsonb_agg(jsonb_build_object('method', 'GET', 'path', '/api/v1/status/' || j.id, 'key', k.key, 'address', '2001:db8::1') order by k.n)
    from caller as k cross join job as j where j.name = 'mine'
), '/api/v1/status/{job_id}') as c;
select is(j.alone, j.single, j.route || ' alone, with ' || c.told) from judged as j inner join caller as c on c.n = j.n order by j.route, j.n;
select is(j.gathered, j.single, j.route || ' among others, with ' || c.told) from judged as j inner join caller as c on c.n = j.n order by j.route, j.n;
select is(
    (select string_agg(substring(j.single from '^[a-z]+ ([0-9]+)'), ',' order by j.route, j.n) from judged as j),
    '202,202,401,403,401,401,401,403,401,401,401,401,200,200,401,404,401,401,401,200,401,401,401,401', 'who may may'
);
select is(c.outcome, 'stale', 'an old version alone is stale')
from test.call_many(jsonb_build_array(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', :'key_a', 'version', 0,
    'body', '{"workflow": "w", "payload": {}}'::jsonb))) as c;
update http.route set mode = 'development' where path = '/api/v1/intake';
select is(c.status, 404, 'a route of development alone is none') from test.call('POST', '/api/v1/intake', :'key_a', '{"workflow": "w", "payload": {}}') as c;
update http.route set mode = 'any', is_enabled = false where path = '/api/v1/intake';
select is(c.outcome, 'stale', 'nor is one that is switched off') from test.call('POST', '/api/v1/intake', :'key_a', '{"workflow": "w", "payload": {}}') as c;
update http.route set is_enabled = true where path = '/api/v1/intake';

-- The bucket that all share is charged after the door has done its work: what it does not hold leaves nothing behind.
select core.set_test_clock('2033-01-01 12:00:00+00');
update limits.policy set is_enabled = false where route_class = 'write' and name <> 'write-all';
update limits.policy set is_enabled = true, quota = 3, burst = 3, window_seconds = 60, is_shadow = false, scope = 'all'
where name = 'write-all';
delete from limits.bucket;
create temp view intake_left as
select
    (select count(*) from jobs.submission) as jobs, (select count(*) from jobs.waiting) as waiting,
    (select coalesce(sum(u.used), 0) from quota.usage as u) as used;
create temp table intake_before as select * from intake_left;
create temp table five as
select c.*
from test.call_many((
    select jsonb_agg(jsonb_build_object('method', 'POST', 'path', '/api/v1/intake', 'key', :'key_a',
        'body', '{"workflow": "last", "payload": {}}'::jsonb))
    from generate_series(1, 5)
)) as c;
select is(array_agg(f.status order by f.call), '{202,202,202,429,429}', 'three of five fit into the shared bucket') from five as f;
select is(
    (select row(n.jobs - b.jobs, n.waiting - b.waiting, n.used - b.used)::text from intake_left as n, intake_before as b),
    '(3,3,3)', 'three jobs were made, and three calls counted'
);
select is(c.status, 429, 'a call alone does not fit either')
from test.call('POST', '/api/v1/intake', :'key_a', '{"workflow": "last", "payload": {}}') as c;
select is(
    (select row(n.jobs - b.jobs, n.waiting - b.waiting, n.used - b.used)::text from intake_left as n, intake_before as b),
    '(3,3,3)', 'and left nothing behind'
);

select is_empty($$select * from test.call_many('[]')$$, 'an empty batch is nothing');

select * from finish();
rollback;
