-- What arrives from the CRM and the marketplace.

create table webhook_events (
    id uuid not null default gen_random_uuid() primary key,
    event_id varchar not null,
    event_type varchar not null,
    company_id integer not null,
    record_id integer,
    payload jsonb not null,
    processed_at timestamp,
    created_at timestamp default now(),
    constraint webhook_events_event_id_key unique (event_id)
);

create table marketplace_events (
    id bigserial primary key,
    company_id bigint,
    salon_id integer not null,
    event_type varchar not null,
    event_data jsonb,
    created_at timestamptz default now()
);

create table company_sync_status (
    id serial primary key,
    company_id integer not null,
    last_sync_at timestamp,
    last_sync_success boolean,
    last_sync_error text,
    clients_synced integer default 0,
    services_synced integer default 0,
    staff_synced integer default 0,
    bookings_synced integer default 0,
    created_at timestamp default now(),
    updated_at timestamp default now()
);
