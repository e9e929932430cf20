-- Errors: own SQLSTATEs, each a row that says its HTTP status.

create or replace function core.raise(
    p_sqlstate text,
    p_message text,
    p_detail text default null,
    p_hint text default null,
    p_more jsonb default null
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using
        errcode = p_sqlstate,
        message = p_message,
        detail = coalesce(p_detail, ''),
        hint = coalesce(p_hint, ''),
        -- A place for members of the problem: an error has no field of its own for them.
        schema = coalesce(p_more::text, '');
end;
$$;
comment on function core.raise(text, text, text, text, jsonb) is
$$Refuse with an error of ours.

p_sqlstate: a code of core.error_code. p_message: lower case, short, no full stop, no personal data. p_detail: the facts,
a sentence. p_hint: what to do, a sentence. p_more: members added to the RFC 9457 problem.$$;

create or replace function core.seed_error_codes(p_codes jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into core.error_code as e (sqlstate, status, slug, title, is_shown)
    select c.sqlstate, c.status, c.slug, c.title, coalesce(c.is_shown, false)
    from jsonb_to_recordset(p_codes) as c (sqlstate text, status integer, slug text, title text, is_shown boolean)
    on conflict (sqlstate) do update
    set status = excluded.status, slug = excluded.slug, title = excluded.title, is_shown = excluded.is_shown
    where (e.status, e.slug, e.title, e.is_shown)
        is distinct from (excluded.status, excluded.slug, excluded.title, excluded.is_shown);
end;
$$;
comment on function core.seed_error_codes(jsonb) is
$$Register error codes: an array of {sqlstate, status, slug, title, is_shown}. Repeatable.$$;

select core.seed_error_codes('[
  {"sqlstate": "LQ400", "status": 400, "slug": "bad-request", "title": "The request is not well formed",
      "is_shown": true},
  {"sqlstate": "LQ401", "status": 401, "slug": "unauthenticated", "title": "A valid API key is needed",
      "is_shown": true},
  {"sqlstate": "LQ402", "status": 402, "slug": "payment-required", "title": "A spending limit is reached",
      "is_shown": true},
  {"sqlstate": "LQ403", "status": 403, "slug": "forbidden", "title": "Not allowed", "is_shown": true},
  {"sqlstate": "LQ404", "status": 404, "slug": "not-found", "title": "No such thing", "is_shown": true},
  {"sqlstate": "LQ405", "status": 405, "slug": "method-not-allowed", "title": "This method is not for this path",
      "is_shown": true},
  {"sqlstate": "LQ408", "status": 408, "slug": "request-timeout", "title": "The request came too slowly", "is_shown": true},
  {"sqlstate": "LQ409", "status": 409, "slug": "conflict", "title": "The state does not allow it", "is_shown": true},
  {"sqlstate": "LQ413", "status": 413, "slug": "content-too-large", "title": "The body is too large", "is_shown": true},
  {"sqlstate": "LQ415", "status": 415, "slug": "unsupported-media-type", "title": "This content type is not read here",
      "is_shown": true},
  {"sqlstate": "LQ417", "status": 417, "slug": "expectation-failed", "title": "The header Expect cannot be met",
      "is_shown": true},
  {"sqlstate": "LQ431", "status": 431, "slug": "head-too-large", "title": "The head of the request is too large",
      "is_shown": true},
  {"sqlstate": "LQ422", "status": 422, "slug": "invalid-value", "title": "A value is not acceptable", "is_shown": true},
  {"sqlstate": "LQ429", "status": 429, "slug": "quota-exceeded", "title": "Too many requests", "is_shown": true},
  {"sqlstate": "LQ500", "status": 500, "slug": "internal-error", "title": "Something went wrong on our side"},
  {"sqlstate": "LQ503", "status": 503, "slug": "unavailable", "title": "Not available just now", "is_shown": true},
  {"sqlstate": "LQOUT", "status": 503, "slug": "outcome-unknown", "title": "Nobody knows what became of this call",
      "is_shown": true},
  {"sqlstate": "08", "status": 503, "slug": "unavailable", "title": "Not available just now"},
  {"sqlstate": "22", "status": 422, "slug": "invalid-value", "title": "A value is not acceptable"},
  {"sqlstate": "22012", "status": 500, "slug": "internal-error", "title": "Something went wrong on our side"},
  {"sqlstate": "22P05", "status": 400, "slug": "bad-request", "title": "The request is not well formed"},
  {"sqlstate": "23", "status": 409, "slug": "conflict", "title": "The state does not allow it"},
  {"sqlstate": "23502", "status": 422, "slug": "invalid-value", "title": "A value is not acceptable"},
  {"sqlstate": "23514", "status": 422, "slug": "invalid-value", "title": "A value is not acceptable"},
  {"sqlstate": "25006", "status": 500, "slug": "internal-error", "title": "Something went wrong on our side"},
  {"sqlstate": "40", "status": 503, "slug": "unavailable", "title": "Not available just now"},
  {"sqlstate": "53", "status": 503, "slug": "unavailable", "title": "Not available just now"},
  {"sqlstate": "54", "status": 422, "slug": "invalid-value", "title": "A value is not acceptable"},
  {"sqlstate": "55P03", "status": 503, "slug": "unavailable", "title": "Not available just now"},
  {"sqlstate": "57", "status": 503, "slug": "unavailable", "title": "Not available just now"}
]');
