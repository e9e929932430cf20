-- What stays known of who was erased: that an address gets no mail, and that events from before do not bring a name back.
begin;
select plan(24);
set local levqor.machinery = 'on';
select core.set_test_clock('2026-03-10 12:00:00+00');
update core.setting set value = '"https://example.com/{token}"' where name = 'mail.unsubscribe_url';
insert into mail.class (name, is_marketing, description) values ('news', true, 'news') on conflict do nothing;

create temp table a on commit drop as select test.make_account() as id;
create function pg_temp.post(p_to text, p_class text default 'transactional') returns text language sql as $$
    select concat_ws(' ', m.state, m.reason) from a cross join lateral mail.send(a.id, array[p_to], 'notice', '{"title": "t", "message": "m", "level": "info",
        "source": "s", "reason": "r", "url": "https://example.org/"}', p_class) as s (id) inner join mail.message as m on m.id = s.id
$$;
-- The table is read by a statement of its own: the function above has written since the statement began.
create function pg_temp.mail(p_to text, p_class text default 'transactional') returns text language plpgsql as $$
declare v_id uuid;
begin
    select mail.send(a.id, array[p_to], 'notice', '{"title": "t", "message": "m", "level": "info", "source": "s", "reason": "r", "url": "https://example.org/"}', p_class)
    into v_id from a;
    return (select concat_ws(' ', m.state, m.reason) from mail.message as m where m.id = v_id);
end $$;

-- Mail.
select is(pg_temp.mail('sue@mail.test'), 'queued', 'a mail waits');
select is(pg_temp.mail('tom@mail.test'), 'queued', 'another one too');
select mail.suppress('sue@mail.test', 'complaint', 'she called us');
select mail.suppress('tom@mail.test', 'unsubscribe');
select is(count(privacy.erase_person(p_email => e.email, p_is_dry_run => false)), 2::bigint, 'both are erased') from unnest('{sue@mail.test,tom@mail.test}'::text[]) as e (email);
select is_empty($$select from mail.suppression as s where s.address like '%@mail.test'$$, 'their addresses are on no list');
select is_empty($$select from test.find_text('{sue@mail.test,tom@mail.test}')$$, 'and nowhere else');
select is_empty($$select from outbox.delivery as d inner join a on a.id = d.account_id$$, 'what waited is canceled');
select is(pg_temp.mail('sue@mail.test'), 'left-out complaint', 'but that one gets no mail is still known');
select is(pg_temp.mail('tom@mail.test'), 'queued', 'who only unsubscribed gets what is needed');
select is(pg_temp.mail('tom@mail.test', 'news'), 'left-out unsubscribe', 'and no marketing');
select is(pg_temp.mail('una@mail.test', 'news'), 'queued', 'others get both');
select is(privacy.unsuppress_erased('Sue <sue@mail.test>'), 1, 'it can be lifted');
select is(pg_temp.mail('sue@mail.test'), 'queued', 'then there is mail again');
select is(privacy.unsuppress_erased('sue@mail.test'), 0, 'once');

-- Events.
create function pg_temp.come(p_id text, p_who text, p_at timestamptz) returns integer language sql as $$
    select g.accepted from a, growth.ingest_events(a.id, jsonb_build_array(jsonb_build_object('id', p_id, 'name', 'visit', 'user_id', p_who, 'event_at', p_at))) as g
$$;
select pg_temp.come('e1', 'kim', '2026-03-01'), pg_temp.come('e2', 'lee', '2026-03-01');
create temp table k on commit drop as select i.person_id from a, growth.identifier as i where i.account_id = a.id and i.identifier = 'kim';
select privacy.erase_person(p_account_id => a.id, p_identifier => 'kim', p_is_dry_run => false) from a;
select is_empty('select from k, growth.event as e where e.person_id = k.person_id', 'the events are gone');
select is(pg_temp.come('e1', 'kim', '2026-03-01'), 0, 'the same event sent again is a duplicate still');
select is(pg_temp.come('e3', 'kim', '2026-03-05'), 1, 'another one from before the erasure comes');
select isnt((select i.person_id from a, growth.identifier as i where i.account_id = a.id and i.identifier = 'kim'), (select k.person_id from k), 'as one of a new person');
select is((select count(*) from privacy.returned_identifier), 1::bigint, 'who is noted');
select is(privacy.remove_late_events(), 1::bigint, 'and it is removed');
select is_empty($$select from a, growth.identifier as i where i.account_id = a.id and i.identifier = 'kim'$$, 'with the name that it brought back');
select core.set_test_clock('2026-03-12 12:00:00+00');
select is(pg_temp.come('e4', 'kim', '2026-03-05') + pg_temp.come('e5', 'kim', '2026-03-11'), 2, 'who comes back after the erasure');
select is(privacy.remove_late_events(), 1::bigint, 'loses what was before');
select results_eq(
    $$select e.event_at, p.first_event_at, t.days from a, growth.identifier as i, growth.event as e, growth.person as p, growth.activity as t
    where i.account_id = a.id and i.identifier = 'kim' and e.person_id = i.person_id and p.person_id = i.person_id and t.person_id = i.person_id$$,
    $$values ('2026-03-11'::timestamptz, '2026-03-11'::timestamptz, 1 << 10)$$, 'and is counted from the rest'
);
select core.set_test_clock('2026-05-12 12:00:00+00');
select privacy.remove_late_events();
select is_empty('select from privacy.returned_identifier', 'after privacy.late_days nobody watches any more');

select * from finish();
rollback;
