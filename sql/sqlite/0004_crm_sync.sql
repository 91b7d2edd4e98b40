-- What arrives from the CRM and the marketplace.

create table webhook_events (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    event_id varchar not null,
    event_type varchar not null,
    company_id int4 not null,
    record_id int4,
    payload json_text not null,
    processed_at timestamp,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);
create unique index webhook_events_event_id_key on webhook_events (event_id);

create table marketplace_events (
    id integer primary key autoincrement,
    company_id bigint,
    salon_id int4 not null,
    event_type varchar not null,
    event_data json_text,
    created_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))
);

create table company_sync_status (
    id integer primary key autoincrement,
    company_id int4 not null,
    last_sync_at timestamp,
    last_sync_success boolean,
    last_sync_error text,
    clients_synced int4 default 0,
    services_synced int4 default 0,
    staff_synced int4 default 0,
    bookings_synced int4 default 0,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    updated_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now'))
);
