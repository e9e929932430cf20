-- Texts that other programs look for at known places.

create or replace function api.show_security_txt()
returns http.response
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if core.text_setting('http.security_contact') = '' then
        raise exception using
            errcode = 'LQ404',
            message = 'no contact is set',
            hint = 'The operator sets it in core.setting, http.security_contact.';
    end if;
    return http.text(
        200, 'text/plain; charset=utf-8',
        -- RFC 9116 wants an end, and advises less than a year: told anew each day, it never passes.
        format(
            E'Contact: %s\nExpires: %s\nPreferred-Languages: en\n',
            core.text_setting('http.security_contact'),
            to_char(
                date_trunc('day', core.now() at time zone 'UTC') + interval '180 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
            )
        ),
        '{"Cache-Control": "public, max-age=86400"}'
    );
end;
$$;
comment on function api.show_security_txt() is
$$Whom to tell about a security problem

RFC 9116. 404 until the operator sets a contact.$$;

create or replace function api.show_robots_txt()
returns http.response
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select http.text(
        200, 'text/plain; charset=utf-8', core.text_setting('http.robots_txt'),
        '{"Cache-Control": "public, max-age=86400"}'
    )
$$;
comment on function api.show_robots_txt() is
$$What crawlers may read$$;

select core.seed('core.setting', '{name}', '{
    "name": "http.security_contact", "value": "",
    "description":
        "text: where to report security problems, as mailto:… or https://…; empty: /.well-known/security.txt is 404"}');
select core.seed('core.setting', '{name}', '{
    "name": "http.robots_txt", "value": "User-agent: *\nDisallow: /api/\nAllow: /docs\n",
    "description": "text of /robots.txt"}');
select http.register_route('GET', '/.well-known/security.txt', 'api.show_security_txt', p_domain => 'http',
    p_access => 'public',
    p_responses => '{"200": {"description": "The text", "content_type": "text/plain; charset=utf-8"}, "404": {}}');
select http.register_route('GET', '/robots.txt', 'api.show_robots_txt', p_domain => 'http', p_access => 'public',
    p_responses => '{"200": {"description": "The text", "content_type": "text/plain; charset=utf-8"}}');
