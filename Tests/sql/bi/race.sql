-- Two sessions that count days at once.
begin;
select plan(3);
set local statement_timeout = '20s';

set local client_min_messages = warning;
create extension if not exists dblink;
select dblink_connect('other', format(
    'dbname=%s host=%s port=%s user=%s', current_database(), btrim(split_part(current_setting('unix_socket_directories'), ',', 1), ' "'),
    current_setting('port'), session_user
));
select dblink_exec('other', $$set statement_timeout = '10s'$$);
select dblink_exec('other', 'begin');
select d.answer from dblink('other', $$select bi_store.roll_days('event_day')$$) as d (answer jsonb);
set local lock_timeout = '50ms';
select throws_ok($$select bi_store.roll_days('event_day')$$, '55P03', null, 'the second waits for the first');
select lives_ok($$select bi_store.roll_days('mail_day')$$, 'but not for that of another table');
select dblink_exec('other', 'rollback');
select lives_ok($$select bi_store.roll_days('event_day')$$, 'until it is over');
select dblink_disconnect('other');

select * from finish();
rollback;
