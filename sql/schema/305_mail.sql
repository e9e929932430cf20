-- mail: what mails say, who gets none, and what became of each.
create schema mail;
comment on schema mail is
'Machinery: mails out of templates, sent through the outbox; the list of addresses that get none.';
grant usage on schema mail to levqor_dba;

create table mail.template (
    name text not null,
    is_partial boolean not null default false,
    subject text,
    text text not null,
    html text,
    from_address text,
    reply_to text,
    description text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint template_pkey primary key (name),
    constraint template_name_is_token_check check (name ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' and length(name) <= 63),
    constraint template_has_subject_unless_partial_check check ((subject is null) = is_partial),
    constraint template_partial_includes_nothing_check
    check (not is_partial or concat(text, html) !~ '\{\{\s*[<>=]'),
    constraint template_subject_is_one_line_check check (length(subject) <= 200 and subject !~ '[\r\n]'),
    constraint template_is_bounded_check check (length(text) <= 65536 and length(html) <= 65536),
    constraint template_from_address_is_one_line_check check (length(from_address) <= 320 and from_address !~ '[\r\n]'),
    constraint template_reply_to_is_one_line_check check (length(reply_to) <= 320 and reply_to !~ '[\r\n]'),
    constraint template_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table mail.template is
'What mails say: Mustache templates. Values are escaped for HTML in html, and nowhere else.';
comment on column mail.template.name is 'what mail.send is told';
comment on column mail.template.is_partial is
'a piece for other templates, such as the layout around them: {{<layout}}{{$content}}…{{/content}}{{/layout}}';
comment on column mail.template.subject is 'the subject; null for a partial';
comment on column mail.template.text is 'the part for programs that show text';
comment on column mail.template.html is 'the part for programs that show HTML; null: the mail is text alone';
comment on column mail.template.from_address is
'sender, such as Levqor <alerts@example.com>; null: the server''s LEVQOR_MAIL_FROM';
comment on column mail.template.reply_to is 'where answers go; null: to the sender';
comment on column mail.template.description is 'when it is sent, and with which data';
comment on column mail.template.origin is 'file: from sql/functions; local: made here';
comment on column mail.template.local_columns is 'columns that were changed here, which a deploy leaves alone';

create table mail.class (
    name text not null,
    is_marketing boolean not null,
    description text not null,
    origin text not null default 'local',
    local_columns text[] not null default '{}',
    constraint class_pkey primary key (name),
    constraint class_name_is_token_check check (name ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' and length(name) <= 63),
    constraint class_origin_is_known_check check (origin in ('file', 'local'))
);
comment on table mail.class is
'Classes of mails: transactional, which a person needs, and marketing categories, which a person may refuse.';
comment on column mail.class.name is 'what mail.send is told';
comment on column mail.class.is_marketing is
'true: it carries List-Unsubscribe, and goes to nobody who has unsubscribed';
comment on column mail.class.description is 'what belongs to it';
comment on column mail.class.origin is 'file: from sql/functions; local: made here';
comment on column mail.class.local_columns is 'columns that were changed here, which a deploy leaves alone';

create table mail.message (
    account_id uuid not null,
    id uuid not null default core.new_id(),
    key text,
    address text not null,
    template text not null,
    class text not null,
    source_domain text,
    source_id text,
    state text not null default 'queued',
    reason text,
    outbox_id uuid,
    unsubscribe_token text,
    status integer,
    error text,
    created_at timestamptz not null,
    finished_at timestamptz,
    constraint message_pkey primary key (account_id, id),
    constraint message_account_id_fkey foreign key (account_id) references identity.account (id),
    constraint message_class_fkey foreign key (class) references mail.class (name),
    constraint message_account_id_key_address_key unique (account_id, key, address),
    constraint message_key_is_short_check check (length(key) >= 1 and length(key) <= 200),
    constraint message_address_is_short_check check (length(address) <= 320),
    constraint message_source_is_whole_check check ((source_domain is null) = (source_id is null)),
    constraint message_state_is_known_check check (state in ('queued', 'left-out', 'sent', 'bounced', 'failed')),
    constraint message_left_out_has_reason_check check ((state = 'left-out') = (reason is not null)),
    constraint message_end_has_time_check check ((state = 'queued') = (finished_at is null)),
    constraint message_error_is_short_check check (length(error) <= 2048)
);
create unique index message_unsubscribe_token_idx on mail.message (unsubscribe_token)
where unsubscribe_token is not null;
create index message_source_idx on mail.message (account_id, source_domain, source_id) where source_domain is not null;
create index message_address_idx on mail.message (address, created_at);
create index message_class_idx on mail.message (class);
create index message_created_at_idx on mail.message (created_at);
comment on table mail.message is
'Every mail to every address, also those that were left out: what it was and what became of it, not what it said. Kept '
'for the setting mail.keep_days.';
comment on column mail.message.account_id is 'account in whose name it went out';
comment on column mail.message.id is 'UUIDv7; shown as mail_…, the part of the Message-ID before the at sign';
comment on column mail.message.key is 'what it is unique by, for each address; null: sent as often as asked';
comment on column mail.message.address is 'to whom, in lower case';
comment on column mail.message.template is 'name of the template';
comment on column mail.message.class is 'transactional, or the marketing category';
comment on column mail.message.source_domain is 'domain that sent it';
comment on column mail.message.source_id is 'shown id of what it is about, in that domain';
comment on column mail.message.state is
'queued: in the outbox; left-out: not sent, see reason; sent: a mail server took it; bounced: a mail server does not know '
'the address; failed: given up for another reason';
comment on column mail.message.reason is
'why it was left out: a reason of mail.suppression, or refused where mail.may_send said no';
comment on column mail.message.outbox_id is 'its message in the outbox';
comment on column mail.message.unsubscribe_token is 'stands in the List-Unsubscribe of a marketing mail';
comment on column mail.message.status is 'the mail server''s last reply code';
comment on column mail.message.error is 'the mail server''s words, or why there were none';
comment on column mail.message.created_at is 'when it was asked for';
comment on column mail.message.finished_at is 'when it was sent, left out or given up';

alter table mail.message enable row level security;
alter table mail.message force row level security;
create policy account_sees_its_mails on mail.message
using (account_id = core.current_account() or core.sees_all());
create policy dba_reads_all on mail.message for select to levqor_dba using (true);

create table mail.suppression (
    address text not null,
    reason text not null,
    note text,
    message_id uuid,
    created_at timestamptz not null,
    created_by text,
    constraint suppression_pkey primary key (address, reason),
    constraint suppression_address_is_lower_check check (address = lower(address) and length(address) <= 320),
    constraint suppression_reason_is_known_check
    check (reason in ('bounce', 'complaint', 'manual', 'unsubscribe')),
    constraint suppression_note_is_short_check check (length(note) <= 1000)
);
create index suppression_created_at_idx on mail.suppression (created_at, address);
comment on table mail.suppression is
'Addresses that get no mail, of all accounts: nobody''s mail reaches them. Kept until it is lifted.';
comment on column mail.suppression.address is 'the address, in lower case';
comment on column mail.suppression.reason is
'bounce: a mail server does not know it; complaint: its owner called a mail spam; manual: by an operator; unsubscribe: its '
'owner wants no marketing mail, and gets the others';
comment on column mail.suppression.note is 'a mail server''s words, or an operator''s';
comment on column mail.suppression.message_id is 'the mail that it came from, of mail.message';
comment on column mail.suppression.created_at is 'since when';
comment on column mail.suppression.created_by is 'who asked for it; null: the product did';

grant select on mail.template, mail.class, mail.message, mail.suppression to levqor_dba;
