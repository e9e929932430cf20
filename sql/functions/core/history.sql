-- History: rows that nothing changes, and that only data retention removes.

create or replace function core.refuse_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'UPDATE' and current_setting('levqor.retention', true) = 'on' then
        return null;
    end if;
    raise exception using
        errcode = 'insufficient_privilege',
        message = format('%s.%s is history: its rows stay as they are', tg_table_schema, tg_table_name),
        hint = case
            when tg_op = 'UPDATE' then 'Add a row that sets it right.'
            else 'Data retention says set local levqor.retention = ''on'' first, also where the rows go with others.'
        end;
end;
$$;
comment on function core.refuse_change() is
$$Trigger of histories: refuse (42501) every UPDATE, and every DELETE and TRUNCATE but those of data retention.

Data retention says so in its transaction: set local levqor.retention = 'on'. It is needed too where rows go by cascade.$$;
