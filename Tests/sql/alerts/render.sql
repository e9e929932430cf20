-- What channels get is escaped for them and fits.
begin;
select plan(37);

-- Cutting.
select is(alerts.clip('abc', 3), 'abc', 'what fits stays');
select is(alerts.clip('abcd', 3), 'ab…', 'what does not is cut');
select is(alerts.clip('', 3), '', 'nothing stays nothing');
select is(alerts.clip(null, 3), null, 'null stays null');
select is(alerts.clip('a<b', 20, 'html'), 'a&lt;b', 'escaped');
select is(alerts.clip('&&&', 12, 'html'), '&amp;&amp;…', 'never within an entity');
select is(alerts.clip('ab😀c', 4), 'ab…', 'counted in UTF-16, never half a character');
select is(alerts.clip('ab😀', 4), 'ab😀', 'to the last unit');

create function pg_temp.alert(p_message text, p_facts jsonb default '{}', p_level text default 'error') returns alerts.alert language sql as $$
    select jsonb_populate_record(null::alerts.alert, jsonb_build_object(
        'id', '01a1fedb-0896-7b9f-a993-26a36b697718', 'level', p_level, 'source', 'test.source', 'message', p_message, 'facts', p_facts,
        'fingerprint', 'f', 'state', 'open', 'occurrences', 3, 'first_seen_at', '2031-01-01 12:00:00+00', 'last_seen_at', '2031-01-01 12:30:00+00',
        'opened_at', '2031-01-01 12:00:00+00', 'times_opened', 1
    ))
$$;
select $$<!channel> <@U123> <https://evil.example|click> & *bold* _it_ `code` @here @Everyone me@here.example @channels$$ as nasty \gset

-- Slack.
select alerts.render_slack(pg_temp.alert(:'nasty', '{"who": "<!here>", "n": 1, "none": null, "list": [1, "<x>"]}'), 'raised') as body \gset
select unalike(:'body'::text, '%<%', 'Slack: no < is left');
select unalike(:'body'::text, '%>%', 'no > either');
select ok((:'body'::jsonb ->> 'text') !~* '@(channel|here|everyone)\M', 'nobody is called by a plain name');
select ok(position('me@' || chr(8203) || 'here.example' in :'body'::jsonb ->> 'text') > 0, 'also within a word');
select ok(position('@channels' in :'body'::jsonb ->> 'text') > 0, 'other names stay');
select is(
    (select array_agg(distinct t.value #>> '{}') from jsonb_path_query(:'body'::jsonb, '$.blocks.**.type') as t (value)),
    '{context,header,plain_text,section}', 'all text is plain'
);
select is(:'body'::jsonb #>> '{blocks,0,text,text}', '[ERROR] test.source', 'a header');
select is(jsonb_array_length(:'body'::jsonb #> '{blocks,1,fields}'), 4, 'facts are fields');
select is(
    :'body'::jsonb #>> '{blocks,2,elements,0,text}',
    'Seen 3 times, 2031-01-01 12:00:00 UTC to 2031-01-01 12:30:00 UTC. alert_01a1fedb08967b9fa99326a36b697718', 'how often and when'
);
select alerts.render_slack(pg_temp.alert(repeat('&', 2000), (select jsonb_object_agg('k' || n, repeat('<', 900)) from generate_series(1, 20) as n)), 'raised') as body \gset
select ok(length(:'body'::jsonb #>> '{blocks,1,text,text}') <= 3000 and length(:'body'::jsonb ->> 'text') <= 3000, 'long texts keep Slack''s limits');
select is(jsonb_array_length(:'body'::jsonb #> '{blocks,1,fields}'), 10, 'no more than ten fields');
select ok(max(length(f.value ->> 'text')) <= 2000, 'of at most 2000 characters') from jsonb_array_elements(:'body'::jsonb #> '{blocks,1,fields}') as f;
select ok(not alerts.render_slack(pg_temp.alert('m'), 'raised') #> '{blocks,1}' ? 'fields', 'no facts, no fields');
select is(alerts.render_slack(pg_temp.alert('m'), 'raised', true) #>> '{blocks,0,text,text}', '(repeated) [ERROR] test.source', 'one that is repeated says so');

-- Telegram.
select alerts.render_telegram(pg_temp.alert(:'nasty', '{"who": "</pre><b>"}'), 'escalated', '{"chat_id": -100, "message_thread_id": 7, "is_silent": true}') as body \gset
select is(:'body'::jsonb - 'text', '{"chat_id": -100, "message_thread_id": 7, "disable_notification": true, "parse_mode": "HTML",
    "link_preview_options": {"is_disabled": true}}', 'Telegram: where to and how');
select is(
    (select array_agg(t.tag[1] order by n) from regexp_matches(:'body'::jsonb ->> 'text', '<(/?[a-z]+)', 'g') with ordinality as t (tag, n)),
    '{b,/b,pre,/pre,pre,/pre,code,/code}', 'no tags but ours'
);
select is(
    alerts.render_telegram(pg_temp.alert('m'), 'raised', '{"chat_id": 1}') ->> 'text', E'<b>[ERROR] test.source</b>\n<pre>m</pre>\n'
    'Seen 3 times, 2031-01-01 12:00:00 UTC to 2031-01-01 12:30:00 UTC.\n<code>alert_01a1fedb08967b9fa99326a36b697718</code>', 'without facts'
);
select ok((:'body'::jsonb ->> 'text') like '<b>[ERROR] test.source (nobody has acknowledged it)</b>%', 'an escalation says so');
select alerts.render_telegram(pg_temp.alert(repeat('<', 2000), jsonb_build_object('a', repeat('😀', 4000))), 'raised', '{"chat_id": "@x"}') as body \gset
select ok(
    (select sum(case when ascii(c) > 65535 then 2 else 1 end) from string_to_table(:'body'::jsonb ->> 'text', null) as c) <= 4096,
    'never more than 4096'
);
select ok((:'body'::jsonb ->> 'text') !~ '&[a-z]*…', 'no entity is cut');
select ok((alerts.render_telegram(pg_temp.alert('m'), 'raised', '{"chat_id": 1}', true) ->> 'text') like '<b>(repeated) [ERROR]%', 'repeated');

-- Links.
update core.setting set value = '"https://ops.example.com/a?b=1&c=\"{id}"' where name = 'alerts.link';
select is(
    alerts.render_slack(pg_temp.alert('m'), 'raised') #>> '{blocks,3,elements,0,url}',
    'https://ops.example.com/a?b=1&c="alert_01a1fedb08967b9fa99326a36b697718', 'a link is a button'
);
select ok((alerts.render_telegram(pg_temp.alert('m'), 'raised', '{"chat_id": 1}') ->> 'text')
    like '%<a href="https://ops.example.com/a?b=1&amp;c=&quot;alert\_01a1fedb08967b9fa99326a36b697718">Open</a>', 'or a link, escaped');
select is(alerts.describe(pg_temp.alert('m'), 'raised') ->> 'link', 'https://ops.example.com/a?b=1&c="alert_01a1fedb08967b9fa99326a36b697718', 'webhooks have it too');

-- Mails.
select is(
    alerts.describe_mail(pg_temp.alert(:'nasty', '{"a": [1]}'), 'escalated'), jsonb_build_object(
        'level', 'error', 'source', 'test.source (nobody has acknowledged it)', 'message', :'nasty', 'has_facts', true,
        'url', 'https://ops.example.com/a?b=1&c="alert_01a1fedb08967b9fa99326a36b697718', 'facts', jsonb_build_array(
            '{"name": "a", "value": "[1]"}'::jsonb,
            '{"name": "seen", "value": "3 times, 2031-01-01 12:00:00 UTC to 2031-01-01 12:30:00 UTC"}'::jsonb,
            '{"name": "alert", "value": "alert_01a1fedb08967b9fa99326a36b697718"}'::jsonb
        )
    ), 'a mail gets plain data: its template escapes'
);
select is(alerts.describe_mail(pg_temp.alert('m'), 'test') ->> 'level', 'test', 'a test says so');

-- Webhooks.
select is(
    alerts.describe(pg_temp.alert(:'nasty', '{"a": [1]}'), 'raised') - 'link', jsonb_build_object(
        'kind', 'raised', 'title', '[ERROR] test.source', 'alert_id', 'alert_01a1fedb08967b9fa99326a36b697718', 'account_id', null,
        'fingerprint', 'f', 'level', 'error', 'source', 'test.source', 'message', :'nasty', 'facts', '{"a": [1]}'::jsonb, 'state', 'open',
        'occurrences', 3, 'first_seen_at', '2031-01-01 12:00:00+00'::timestamptz, 'last_seen_at', '2031-01-01 12:30:00+00'::timestamptz,
        'opened_at', '2031-01-01 12:00:00+00'::timestamptz, 'resolved_at', null
    ), 'a webhook gets the alert as it is'
);
select is(alerts.title(pg_temp.alert('m', p_level => 'critical'), k.kind), k.title, 'title: ' || k.title)
from (values ('raised', '[CRITICAL] test.source'), ('resolved', '[RESOLVED] test.source')) as k (kind, title);

select * from finish();
rollback;
