-- Two more lookups need no index of their own: staff_schedules by (yclients_staff_id, date) reads the front of its
-- unique key, and whatsapp_keys by (company_id, key_type, key_id) is its primary key.

create index clients_company_id_idx on clients (company_id);
create index clients_phone_idx on clients (phone);
create index clients_raw_phone_company_id_idx on clients (raw_phone, company_id);
create index clients_last_visit_date_idx on clients (last_visit_date);

create index services_company_id_idx on services (company_id);
create index services_is_active_idx on services (is_active);

create index staff_company_id_idx on staff (company_id);
create index staff_is_active_idx on staff (is_active);

create index staff_schedules_date_idx on staff_schedules (date);

create index bookings_company_id_idx on bookings (company_id);
create index bookings_client_phone_idx on bookings (client_phone);
create index bookings_date_idx on bookings (date);
create index bookings_datetime_idx on bookings (datetime);

create index reminders_booking_id_idx on reminders (booking_id);

create index appointments_cache_company_id_idx on appointments_cache (company_id);
create index appointments_cache_appointment_datetime_idx on appointments_cache (appointment_datetime);
create index appointments_cache_status_idx on appointments_cache (status);

create index dialog_contexts_company_id_idx on dialog_contexts (company_id);
create index dialog_contexts_last_activity_idx on dialog_contexts (last_activity);

create index messages_company_id_idx on messages (company_id);
create index messages_client_phone_idx on messages (client_phone);
create index messages_created_at_idx on messages (created_at);

create index whatsapp_keys_expires_at_idx on whatsapp_keys (expires_at) where expires_at is not null;
