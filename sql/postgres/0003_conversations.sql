-- Talks with clients. user_id is unique by itself too: callers upsert a dialog by user_id alone.

create table dialog_contexts (
    id uuid not null default gen_random_uuid() primary key,
    user_id varchar not null,
    state varchar,
    data jsonb,
    messages jsonb,
    created_at timestamp default now(),
    updated_at timestamp default now(),
    client_id integer,
    last_activity timestamp,
    message_count integer default 0,
    last_booking_id uuid,
    session_type varchar,
    context_metadata jsonb,
    company_id integer,
    constraint dialog_contexts_user_id_key unique (user_id),
    constraint dialog_contexts_user_id_company_id_key unique (user_id, company_id)
);

create table messages (
    id uuid not null default gen_random_uuid() primary key,
    company_id integer,
    client_phone varchar,
    direction varchar,
    content text,
    message_type varchar,
    status varchar,
    created_at timestamp default now(),
    metadata jsonb,
    platform varchar default 'whatsapp'
);

create table actions (
    id uuid not null default gen_random_uuid() primary key,
    company_id integer,
    client_phone varchar,
    action_type varchar,
    action_data jsonb,
    status varchar,
    created_at timestamp default now(),
    executed_at timestamp
);

create table whatsapp_auth (
    company_id text not null,
    creds jsonb not null,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    primary key (company_id)
);

create table whatsapp_keys (
    company_id text not null,
    key_type text not null,
    key_id text not null,
    value jsonb not null,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    expires_at timestamptz,
    primary key (company_id, key_type, key_id)
);
