-- Appointments, and what is sent about them.

create table bookings (
    id uuid not null default gen_random_uuid() primary key,
    yclients_record_id integer not null,
    company_id integer,
    client_phone varchar,
    client_name varchar,
    client_yclients_id integer,
    staff_id integer,
    staff_name varchar,
    services text[],
    service_ids integer[],
    datetime timestamp not null,
    date date,
    duration integer,
    cost numeric,
    prepaid numeric,
    status varchar,
    visit_attendance integer,
    comment text,
    online boolean default false,
    record_hash varchar,
    created_at timestamp default now(),
    updated_at timestamp default now(),
    synced_at timestamp,
    created_by_bot boolean default false,
    constraint bookings_yclients_record_id_company_id_key unique (yclients_record_id, company_id)
);

create table reminders (
    id uuid not null default gen_random_uuid() primary key,
    booking_id uuid not null references bookings (id),
    remind_at timestamp not null,
    channel varchar,
    sent_at timestamp,
    status varchar
);

create table appointments_cache (
    id serial primary key,
    yclients_record_id integer not null,
    company_id integer not null,
    client_id integer,
    client_phone varchar,
    service_id integer,
    staff_id integer,
    appointment_datetime timestamptz,
    cost numeric default 0,
    status varchar default 'confirmed',
    is_cancelled boolean default false,
    deleted boolean default false,
    cancellation_reason text,
    raw_data jsonb,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    constraint appointments_cache_yclients_record_id_key unique (yclients_record_id)
);

create table booking_notifications (
    id serial primary key,
    yclients_record_id integer not null,
    company_id integer not null,
    phone varchar not null,
    notification_type varchar not null,
    message text,
    sent_at timestamptz not null default now(),
    status varchar default 'sent',
    error_message text,
    created_at timestamptz default now(),
    notification_date date default current_date,
    constraint booking_notifications_record_phone_type_date_key unique (yclients_record_id, phone, notification_type, notification_date)
);
