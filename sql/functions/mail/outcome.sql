-- What became of mails: told by the outbox at the end of each, and by providers later.

create or replace function mail.is_hard_bounce(p_outcome jsonb)
returns boolean
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_body text := coalesce(p_outcome ->> 'body', '');
    v_code text := substring(v_body from '^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\M');
begin
    if p_outcome #>> '{headers,smtp-command}' is distinct from 'RCPT'
        or coalesce((p_outcome ->> 'status')::integer, 0) not between 500 and 599
    then
        return false;
    end if;
    -- RFC 3463: the mailbox or its domain. 5.7.x and others are about the sender, who is us.
    if v_code is not null then
        return v_code in ('5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10', '5.2.1');
    end if;
    return v_body !~* 'relay|spam|block|policy|denied|reputation|listed|authenticat';
end;
$$;
comment on function mail.is_hard_bounce(jsonb) is
$$Whether an outcome of the outbox says that the address does not exist: a 5xx to RCPT that is about the mailbox, and not about us.$$;

create or replace function mail.note_outcome(p_context jsonb, p_outcome jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_bounce boolean := p_outcome ->> 'state' = 'dead' and mail.is_hard_bounce(p_outcome);
    v_message mail.message;
begin
    update mail.message as m
    set
        state = case when p_outcome ->> 'state' = 'done' then 'sent' when v_is_bounce then 'bounced' else 'failed' end,
        status = (p_outcome ->> 'status')::integer,
        error = case
            when p_outcome ->> 'state' <> 'done'
                then left(coalesce(nullif(p_outcome ->> 'body', ''), p_outcome ->> 'error'), 2048)
        end,
        finished_at = core.now()
    where m.account_id = (p_context ->> 'account_id')::uuid and m.id = (p_context ->> 'id')::uuid
        and m.state <> 'left-out'
    returning m.* into v_message;
    if found and v_is_bounce then
        perform mail.suppress(v_message.address, 'bounce', v_message.error, v_message.id);
    end if;
end;
$$;
comment on function mail.note_outcome(jsonb, jsonb) is
$$Receiver of the outbox: note what became of a mail, and stop mail to an address that does not exist.

p_context: {account_id, id} of mail.message. p_outcome: as the outbox tells it.$$;

create or replace function mail.note_resend_event(p_event jsonb)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_reason text := case
        when p_event ->> 'type' = 'email.complained' then 'complaint'
        when p_event ->> 'type' = 'email.bounced' and p_event #>> '{data,bounce,type}' = 'Permanent' then 'bounce'
    end;
    v_address text;
    v_count integer := 0;
begin
    if v_reason is null or jsonb_typeof(p_event #> '{data,to}') is distinct from 'array' then
        return 0;
    end if;
    for v_address in select a.address from jsonb_array_elements_text(p_event #> '{data,to}') as a (address) loop
        perform mail.suppress(v_address, v_reason, p_event #>> '{data,bounce,message}');
        v_count := v_count + 1;
    end loop;
    return v_count;
end;
$$;
comment on function mail.note_resend_event(jsonb) is
$$Read an event of Resend's webhooks: a permanent bounce or a complaint puts the address on the list. Gives how many.

Check its signature before: they are signed by Standard Webhooks.$$;
