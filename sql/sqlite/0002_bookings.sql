-- Appointments, and what is sent about them.

create table bookings (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    yclients_record_id int4 not null,
    company_id int4,
    client_phone varchar,
    client_name varchar,
    client_yclients_id int4,
    staff_id int4,
    staff_name varchar,
    services text[],
    service_ids int4[],
    datetime timestamp not null,
    date date,
    duration int4,
    cost decimal_text,
    prepaid decimal_text,
    status varchar,
    visit_attendance int4,
    comment text,
    online boolean default 0,
    record_hash varchar,
    created_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    updated_at timestamp default (strftime('%Y-%m-%d %H:%M:%f000', 'now')),
    synced_at timestamp,
    created_by_bot boolean default 0
);
create unique index bookings_yclients_record_id_company_id_key on bookings (yclients_record_id, company_id);

create table reminders (
    id uuid not null primary key default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    booking_id uuid not null references bookings (id),
    remind_at timestamp not null,
    channel varchar,
    sent_at timestamp,
    status varchar
);

create table appointments_cache (
    id integer primary key autoincrement,
    yclients_record_id int4 not null,
    company_id int4 not null,
    client_id int4,
    client_phone varchar,
    service_id int4,
    staff_id int4,
    appointment_datetime timestamptz,
    cost decimal_text default '0',
    status varchar default 'confirmed',
    is_cancelled boolean default 0,
    deleted boolean default 0,
    cancellation_reason text,
    raw_data json_text,
    created_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    updated_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))
);
create unique index appointments_cache_yclients_record_id_key on appointments_cache (yclients_record_id);

create table booking_notifications (
    id integer primary key autoincrement,
    yclients_record_id int4 not null,
    company_id int4 not null,
    phone varchar not null,
    notification_type varchar not null,
    message text,
    sent_at timestamptz not null default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    status varchar default 'sent',
    error_message text,
    created_at timestamptz default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    notification_date date default current_date
);
create unique index booking_notifications_record_phone_type_date_key on booking_notifications (yclients_record_id, phone, notification_type, notification_date);
