-- Pages for people: one style, no script, nothing from other hosts.

create or replace function http.escape_html(p_text text)
returns text
language sql
immutable
parallel safe
security invoker
as $$
    select pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
        p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
comment on function http.escape_html(text) is
$$A text made safe for HTML, in elements and in quoted attributes.$$;

create or replace function http.page_style()
returns text
language sql
immutable
parallel safe
security invoker
as $style$
    select $css$
:root{color-scheme:light dark;--back:#fbfbfd;--card:#fff;--text:#1a1d24;--soft:#575e6b;--line:#e2e5ec;--code:#f3f4f8;
--link:#2450c4;--get:#0b6b4f;--post:#2450c4;--put:#8a4b00;--patch:#7a4a00;--delete:#b3261e;--tint:#eef2fd;
--good:#0b6b4f}
@media (prefers-color-scheme:dark){:root{--back:#101218;--card:#171a22;--text:#e8eaf0;--soft:#a3abba;--line:#2a2f3b;
--code:#1e222c;--link:#9db8ff;--get:#5fd6ae;--post:#9db8ff;--put:#f0b56a;--patch:#f0b56a;--delete:#ff9c94;
--tint:#1c2436;--good:#5fd6ae}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1.5rem;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;overflow-wrap:break-word}
a{color:var(--link);text-decoration-thickness:.06em;text-underline-offset:.18em}
a:focus-visible,summary:focus-visible,pre:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);
outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:2}
code,pre,.path,.badge{
font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}
code{background:var(--code);border-radius:4px;padding:.1em .35em}
pre{background:var(--code);border:1px solid var(--line);border-radius:8px;padding:.85rem 1rem;overflow-x:auto;
line-height:1.5;margin:.5rem 0 1rem}
pre code{background:none;padding:0;font-size:1em}
.shell{max-width:84rem;margin:0 auto;display:grid;grid-template-columns:18rem minmax(0,1fr);gap:3rem;padding:0 2rem}
.side{position:sticky;top:0;height:100vh;overflow-y:auto;padding:2rem .5rem 2rem 0;border-right:1px solid var(--line)}
.brand{font-weight:700;font-size:1.15rem;letter-spacing:-.01em;margin:0 0 1.25rem}
.brand a{color:inherit;text-decoration:none}.brand span{color:var(--soft);font-weight:400}
.toc h2{font-size:.75rem;text-transform:uppercase;letter-spacing:.08em;color:var(--soft);margin:1.4rem 0 .35rem}
.toc ul{list-style:none;margin:0;padding:0}
.toc li a{display:flex;gap:.6rem;align-items:baseline;padding:.22rem .5rem .22rem 0;color:var(--text);
text-decoration:none;font-size:.92rem;line-height:1.35}
.toc li a:hover{color:var(--link);text-decoration:underline}
.toc .badge{flex:0 0 3.4rem;background:none;padding:0;font-size:.68rem}
.fold{display:none}
main{padding:2.5rem 0 5rem;min-width:0;max-width:56rem}
h1{font-size:clamp(1.9rem,4vw,2.6rem);line-height:1.15;letter-spacing:-.025em;margin:0 0 .75rem}
.lead{font-size:1.12rem;color:var(--soft);max-width:42rem;margin:0 0 1.5rem}
main h2{font-size:1.5rem;letter-spacing:-.015em;margin:3.5rem 0 .25rem;padding-top:1.25rem;
border-top:1px solid var(--line)}
main h2+p{color:var(--soft);margin:.1rem 0 1.5rem}
h3{font-size:1.16rem;line-height:1.35;margin:0 0 .5rem}
h3 a{color:inherit;text-decoration:none}h3 a:hover{text-decoration:underline}
.label,h4{font-size:.8rem;text-transform:uppercase;letter-spacing:.07em;font-weight:700;color:var(--soft);
margin:1.4rem 0 .4rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1rem;margin:1.5rem 0}
.card,article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.35rem}
.card p{margin:.2rem 0;font-size:.95rem;color:var(--soft)}.card .head{font-weight:650;font-size:1rem;color:var(--text)}
article{margin:0 0 1.5rem;padding:1.4rem 1.6rem}
article p{max-width:44rem;margin:.5rem 0}
.route{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center;margin:0 0 .6rem}
.path{font-size:.95rem;overflow-wrap:anywhere}.path b{color:var(--soft);font-weight:400;font-style:italic}
.badge{display:inline-block;font-weight:700;font-size:.75rem;padding:.12rem .5rem;border-radius:6px;
border:1px solid currentColor}
.toc .badge{border:0}
.GET{color:var(--get)}.POST{color:var(--post)}.PUT{color:var(--put)}.PATCH{color:var(--patch)}
.DELETE{color:var(--delete)}
.facts{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0;margin:.6rem 0}
.facts li{background:var(--tint);border-radius:99px;padding:.1rem .75rem;font-size:.82rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .9rem .5rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;font-size:.8rem;color:var(--soft)}
td:first-child{white-space:nowrap}tr:last-child td{border-bottom:0}
.must{color:var(--delete);font-size:.78rem;font-weight:600;margin-left:.35rem}
.rule{color:var(--soft)}
.code{font-weight:700}.ok{color:var(--good)}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600;font-size:.92rem}
.errors{list-style:none;padding:0;margin:.3rem 0;display:flex;flex-wrap:wrap;gap:.35rem .9rem;font-size:.9rem}
footer{color:var(--soft);font-size:.9rem;border-top:1px solid var(--line);margin-top:4rem;padding-top:1.25rem}
.single{max-width:46rem;margin:0 auto;padding:3rem 1.5rem 5rem}
.single .status{font-size:.95rem;color:var(--soft);margin:0 0 .4rem}
@media (max-width:60rem){
.shell{display:block;padding:0 1.1rem}.side{display:none}.fold{display:block;border:1px solid var(--line);
border-radius:12px;padding:.8rem 1.1rem;background:var(--card);margin:0 0 1.5rem}
main{padding-top:1.5rem}article{padding:1.1rem 1.1rem}
.fields thead{position:absolute;left:-99rem}.fields tr{display:block;padding:.55rem 0;
border-bottom:1px solid var(--line)}
.fields tr:last-child{border-bottom:0}.fields td{display:block;border:0;padding:.08rem 0;white-space:normal}
}
@media print{.side,.fold{display:none}.shell{display:block}article{break-inside:avoid}}
$css$
$style$;
comment on function http.page_style() is
$$The style of the pages. Its hash is in their Content-Security-Policy, so that no other style can be put in.$$;

create or replace function http.page(
    p_title text,
    p_content text,
    p_status integer default 200,
    p_max_age integer default 300
)
returns http.response
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select http.text(
        p_status,
        'text/html; charset=utf-8',
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            || '<meta name="viewport" content="width=device-width, initial-scale=1">'
            || '<title>' || http.escape_html(p_title) || '</title><style>'
            || http.page_style() || '</style></head><body>'
            || p_content || '</body></html>',
        jsonb_build_object(
            'Content-Security-Policy',
            'default-src ''none''; style-src ''sha256-'
                || encode(sha256(convert_to(http.page_style(), 'UTF8')), 'base64')
                || '''; base-uri ''none''; form-action ''none''; frame-ancestors ''none''',
            'Cache-Control', 'public, max-age=' || p_max_age
        )
    )
$$;
comment on function http.page(text, text, integer, integer) is
$$Answer with a page. p_title: plain text. p_content: the HTML of the body, with every text in it escaped already.$$;
