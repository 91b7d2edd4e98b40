-- Talks with clients. user_id is unique by itself too: callers upsert a dialog by user_id alone.

create table dialog_contexts (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    user_id varchar not null,
    state varchar,
    data json_text,
    messages json_text,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    updated_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    client_id int4,
    last_activity timestamp,
    message_count int4 default 0,
    last_booking_id uuid,
    session_type varchar,
    context_metadata json_text,
    company_id int4
);
create unique index dialog_contexts_user_id_key on dialog_contexts (user_id);
create unique index dialog_contexts_user_id_company_id_key on dialog_contexts (user_id, company_id);

create table messages (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    company_id int4,
    client_phone varchar,
    direction varchar,
    content text,
    message_type varchar,
    status varchar,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    metadata json_text,
    platform varchar default 'whatsapp'
);

create table actions (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    company_id int4,
    client_phone varchar,
    action_type varchar,
    action_data json_text,
    status varchar,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    executed_at timestamp
);

create table whatsapp_auth (
    company_id text not null,
    creds json_text not null,
    created_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    updated_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    primary key (company_id)
);

create table whatsapp_keys (
    company_id text not null,
    key_type text not null,
    key_id text not null,
    value json_text not null,
    created_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    updated_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    expires_at timestamptz,
    primary key (company_id, key_type, key_id)
);
