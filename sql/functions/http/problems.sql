-- A page about each kind of error: what the type of a problem leads to.

create or replace function http.advise(p_slug text)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case p_slug
        when 'bad-request' then 'The request could not be read: its JSON, its path or a header is malformed.

Send it as the reference shows; sending the same again gives the same answer.'
        when 'unauthenticated' then
            'No API key came with the request, or one that is unknown, revoked, expired or not yet valid.

Send a live key in the header X-Api-Key. detail says what is wrong with the one that came.'
        when 'payment-required' then
            'The job is estimated to cost more than one job may, or than is left of what the account may spend today.

guardrail says which. job: make the payload smaller, or ask for a higher limit. day: come back at resets_at, midnight UTC.'
        when 'forbidden' then
            'The key is good, and it may not do this: a scope is missing, or the account is suspended or closed.

detail names the scopes that would do. Scopes of a key never change: make another key.'
        when 'account-suspended' then
            'The operator has suspended the account. It can read, and change nothing; its keys stay as they are.

Ask the operator why. Sending the same again helps when the account is active again.'
        when 'account-closed' then
            'The account is closed, and a platform key acted in its name. Keys of the account itself are unknown.

Nothing can be done in its name but read. Look whether Levqor-Account names the account that was meant.'
        when 'not-found' then
            'There is no such path or thing, or it belongs to another account: the two look alike on purpose.

Check the id and whose key it is.'
        when 'method-not-allowed' then 'The path exists, and takes other methods.

The header Allow lists them.'
        when 'conflict' then
            'The request is well formed, and the state of the thing does not allow it, or something like it exists.

Read the thing again, and decide anew.'
        when 'request-timeout' then 'The body did not arrive within the time that the server waits for it.

Send it again, faster; the connection was closed.'
        when 'content-too-large' then 'The body is larger than this path takes.

Send less, or send a link to the content instead.'
        when 'expectation-failed' then
            'The header Expect asks for something other than 100-continue.

Leave it out.'
        when 'head-too-large' then
            'The request line or the headers are too many, or too long.

Send fewer and shorter ones; what is long belongs into the body. The connection was closed.'
        when 'unsupported-media-type' then 'The body is no JSON, or does not say that it is.

Send the header Content-Type: application/json.'
        when 'invalid-value' then
            'A value breaks a rule: a member is missing, unknown, of another type, too long, or not a choice there is.

errors lists each by a JSON Pointer with the rule it broke.'
        when 'quota-exceeded' then 'More requests came than a rate policy admits, or than the tier of the account has calls in a month.

Wait as many seconds as the header Retry-After says. violated-policies names what is used up: if calls-per-month, a higher tier helps.'
        when 'internal-error' then 'Something broke on our side. Nothing was changed.

Try once more; if it stays, ask for help and quote request_id: it finds the entry in the log.'
        when 'unavailable' then
            'The service is overloaded, restarting, cannot count rates, or waited for a lock too long. Nothing was changed.

Try again after Retry-After seconds, with a growing pause.'
        when 'signature-invalid' then
            'The signature is missing or malformed, was made too long ago, or fits none of the secrets that count here.

Sign the very bytes that are sent, with the secret that both sides hold, and send the time with it.'
        when 'gone' then
            'What was here was switched off on purpose.

Stop sending to it, or ask the operator to open it again.'
        when 'bad-gateway' then
            'A service outside, which this call needs, refused, or could not be reached.

Try again in a while. detail tells what is known.'
        when 'gateway-timeout' then
            'A service outside, which this call needs, did not answer in time: it may have done its part.

Look before you send it again, unless an Idempotency-Key came with it.'
        when 'transfer-id-taken' then
            'The ledger has a transfer with this id, and it says something else: detail names what differs. Nothing of the call was done.

Send the same content again with the same id only, and make a new id for each new transfer.'
        when 'balance-limit' then
            'An account of the ledger would go below or above zero where it may not, holds counted in. Nothing of the call was done.

transfer_id and ledger_account_id say which. Move less, or wait until money has come in or a hold has ended.'
        when 'legal-hold' then
            'A legal hold keeps the data of this person, account or table: it may not be erased. detail names the hold.

Release the hold when its reason has gone, and ask again.'
        when 'outcome-unknown' then
            'The connection to the database broke while the request was being carried out: it may or may not be done.

Look before you send it again.'
        when 'idempotency-key-in-use' then
            'Another request with the same Idempotency-Key is being carried out, or stands before this one.

Send the same again after Retry-After seconds: it gets the answer of the first.'
        when 'idempotency-key-reused' then
            'The Idempotency-Key came before with another request: path, parameters or the bytes of the body differ.

Send the very same request, or make a new key for this one.'
        when 'idempotency-answer-withheld' then
            'The request was carried out before, and its answer held a secret that is shown once and kept nowhere.

If that answer never arrived, take back what was made, and make another under a new Idempotency-Key.'
    end
$$;
comment on function http.advise(text) is
$$What a kind of error means and what to do, in two paragraphs; null for one that needs no words.$$;

-- The member code of a problem may be closer than its type: such a name has a page too.
create or replace function http.name_type(p_code text)
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case when p_code in ('account-suspended', 'account-closed') then 'forbidden' else p_code end
$$;
comment on function http.name_type(text) is
$$The slug of the type that a problem with this code has: forbidden for account-suspended; mostly the code itself.$$;

create or replace function api.show_problem_page(p_slug text)
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_code core.error_code;
begin
    select e.* into v_code
    from core.error_code as e
    where e.slug = http.name_type(p_slug)
    order by e.sqlstate not like 'LQ%', e.sqlstate
    limit 1;
    if not found then
        raise exception using
            errcode = 'LQ404',
            message = 'no such kind of error',
            hint = 'The reference at /docs lists them.';
    end if;
    return http.page(
        v_code.title,
        '<main class="single"><p class="status">' || v_code.status || ' · <code>' || http.escape_html(p_slug)
            || '</code></p><h1>' || http.escape_html(v_code.title) || '</h1>'
            || coalesce(http.render_paragraphs(http.advise(p_slug)), '')
            || '<p class="label">As it comes</p><pre tabindex="0"><code>'
            || http.escape_html(jsonb_pretty(jsonb_build_object(
                'type', case
                    when v_code.slug = 'quota-exceeded' then 'https://iana.org/assignments/http-problem-types#quota-exceeded'
                    else '/problems/' || v_code.slug
                end,
                'title', v_code.title, 'status', v_code.status, 'code', p_slug, 'request_id', '…'
            ))) || '</code></pre><footer><a href="/docs">All of the API</a></footer></main>',
        p_max_age => 3600
    );
end;
$$;
comment on function api.show_problem_page(text) is
$$A page about a kind of error

What the type of a problem leads to: what it means and what to do.$$;

select http.register_route('GET', '/problems/{slug}', 'api.show_problem_page', p_domain => 'http', p_access => 'public',
    p_parameters => '{"slug": {"type": "string", "maxLength": 64, "pattern": "^[a-z0-9-]+$", "examples": ["not-found"],
        "description": "last part of the problem''s type"}}',
    p_responses => '{"200": {"description": "The page", "content_type": "text/html; charset=utf-8"}, "404": {}}');
