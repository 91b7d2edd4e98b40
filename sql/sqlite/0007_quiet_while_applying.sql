-- While another store's rows are applied, updated_at is theirs: a row that is applied equals its source. The row in
-- datalayer_applying says so; it is changed and changed back in one transaction, so that nobody else ever sees it.

create table if not exists datalayer_applying (
    "only" integer primary key check ("only" = 1),
    active boolean not null default 0
);
insert or ignore into datalayer_applying ("only") values (1);

drop trigger companies_set_updated_at;
create trigger companies_set_updated_at after update on companies for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.company_id, new.yclients_id, new.title, new.address, new.phone, new.email,
        new.website, new.timezone, new.working_hours, new.coordinate_lat, new.coordinate_lon,
        new.currency, new.ai_enabled, new.sync_enabled, new.created_at, new.last_sync_at,
        new.raw_data, new.whatsapp_enabled, new.whatsapp_config, new.whatsapp_connected,
        new.whatsapp_phone, new.whatsapp_connected_at, new.integration_status, new.connected_at,
        new.marketplace_user_id, new.marketplace_user_name, new.marketplace_user_phone,
        new.marketplace_user_email, new.whatsapp_session_data, new.api_key, new.webhook_secret,
        new.last_payment_date, new.subscription_expires_at, new.whatsapp_channel_enabled,
        new.sms_channel_enabled, new.sms_short_names, new.disconnected_at, new.status,
        new.telegram_enabled, new.telegram_premium_until
    ) is not (
        old.id, old.company_id, old.yclients_id, old.title, old.address, old.phone, old.email,
        old.website, old.timezone, old.working_hours, old.coordinate_lat, old.coordinate_lon,
        old.currency, old.ai_enabled, old.sync_enabled, old.created_at, old.last_sync_at,
        old.raw_data, old.whatsapp_enabled, old.whatsapp_config, old.whatsapp_connected,
        old.whatsapp_phone, old.whatsapp_connected_at, old.integration_status, old.connected_at,
        old.marketplace_user_id, old.marketplace_user_name, old.marketplace_user_phone,
        old.marketplace_user_email, old.whatsapp_session_data, old.api_key, old.webhook_secret,
        old.last_payment_date, old.subscription_expires_at, old.whatsapp_channel_enabled,
        old.sms_channel_enabled, old.sms_short_names, old.disconnected_at, old.status,
        old.telegram_enabled, old.telegram_premium_until
    )
begin
    update companies set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger clients_set_updated_at;
create trigger clients_set_updated_at after update on clients for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.yclients_id, new.name, new.phone, new.raw_phone, new.email, new.discount,
        new.company_id, new.branch_ids, new.tags, new.status, new.source, new.created_at,
        new.visit_count, new.total_spent, new.first_visit_date, new.last_visit_date,
        new.last_services, new.visit_history, new.preferences, new.last_sync_at, new.loyalty_level,
        new.client_segment, new.average_bill, new.last_service_ids, new.favorite_staff_ids,
        new.preferred_time_slots, new.blacklisted, new.notes, new.created_by_ai,
        new.last_ai_interaction, new.ai_context, new.ai_messages_count, new.ai_satisfaction_score,
        new.services_amount, new.goods_amount, new.goods_purchases, new.goods_count
    ) is not (
        old.id, old.yclients_id, old.name, old.phone, old.raw_phone, old.email, old.discount,
        old.company_id, old.branch_ids, old.tags, old.status, old.source, old.created_at,
        old.visit_count, old.total_spent, old.first_visit_date, old.last_visit_date,
        old.last_services, old.visit_history, old.preferences, old.last_sync_at, old.loyalty_level,
        old.client_segment, old.average_bill, old.last_service_ids, old.favorite_staff_ids,
        old.preferred_time_slots, old.blacklisted, old.notes, old.created_by_ai,
        old.last_ai_interaction, old.ai_context, old.ai_messages_count, old.ai_satisfaction_score,
        old.services_amount, old.goods_amount, old.goods_purchases, old.goods_count
    )
begin
    update clients set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger services_set_updated_at;
create trigger services_set_updated_at after update on services for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.yclients_id, new.company_id, new.title, new.category_id, new.category_title,
        new.price_min, new.price_max, new.discount, new.duration, new.seance_length, new.is_active,
        new.is_bookable, new.description, new.weight, new.created_at, new.last_sync_at,
        new.raw_data, new.image_url, new.declensions
    ) is not (
        old.id, old.yclients_id, old.company_id, old.title, old.category_id, old.category_title,
        old.price_min, old.price_max, old.discount, old.duration, old.seance_length, old.is_active,
        old.is_bookable, old.description, old.weight, old.created_at, old.last_sync_at,
        old.raw_data, old.image_url, old.declensions
    )
begin
    update services set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger staff_set_updated_at;
create trigger staff_set_updated_at after update on staff for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.yclients_id, new.company_id, new.name, new.specialization, new.position,
        new.is_active, new.is_bookable, new.rating, new.votes_count, new.comments_count,
        new.avatar_url, new.information, new.service_ids, new.email, new.phone, new.telegram,
        new.experience_years, new.level_name, new.created_at, new.last_sync_at, new.raw_data,
        new.declensions
    ) is not (
        old.id, old.yclients_id, old.company_id, old.name, old.specialization, old.position,
        old.is_active, old.is_bookable, old.rating, old.votes_count, old.comments_count,
        old.avatar_url, old.information, old.service_ids, old.email, old.phone, old.telegram,
        old.experience_years, old.level_name, old.created_at, old.last_sync_at, old.raw_data,
        old.declensions
    )
begin
    update staff set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger bookings_set_updated_at;
create trigger bookings_set_updated_at after update on bookings for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.yclients_record_id, new.company_id, new.client_phone, new.client_name,
        new.client_yclients_id, new.staff_id, new.staff_name, new.services, new.service_ids,
        new.datetime, new.date, new.duration, new.cost, new.prepaid, new.status,
        new.visit_attendance, new.comment, new.online, new.record_hash, new.created_at,
        new.synced_at, new.created_by_bot
    ) is not (
        old.id, old.yclients_record_id, old.company_id, old.client_phone, old.client_name,
        old.client_yclients_id, old.staff_id, old.staff_name, old.services, old.service_ids,
        old.datetime, old.date, old.duration, old.cost, old.prepaid, old.status,
        old.visit_attendance, old.comment, old.online, old.record_hash, old.created_at,
        old.synced_at, old.created_by_bot
    )
begin
    update bookings set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger appointments_cache_set_updated_at;
create trigger appointments_cache_set_updated_at after update on appointments_cache for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.yclients_record_id, new.company_id, new.client_id, new.client_phone,
        new.service_id, new.staff_id, new.appointment_datetime, new.cost, new.status,
        new.is_cancelled, new.deleted, new.cancellation_reason, new.raw_data, new.created_at
    ) is not (
        old.id, old.yclients_record_id, old.company_id, old.client_id, old.client_phone,
        old.service_id, old.staff_id, old.appointment_datetime, old.cost, old.status,
        old.is_cancelled, old.deleted, old.cancellation_reason, old.raw_data, old.created_at
    )
begin
    update appointments_cache set updated_at = strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now') where id = new.id;
end;

drop trigger dialog_contexts_set_updated_at;
create trigger dialog_contexts_set_updated_at after update on dialog_contexts for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.user_id, new.state, new.data, new.messages, new.created_at, new.client_id,
        new.last_activity, new.message_count, new.last_booking_id, new.session_type,
        new.context_metadata, new.company_id
    ) is not (
        old.id, old.user_id, old.state, old.data, old.messages, old.created_at, old.client_id,
        old.last_activity, old.message_count, old.last_booking_id, old.session_type,
        old.context_metadata, old.company_id
    )
begin
    update dialog_contexts set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;

drop trigger whatsapp_auth_set_updated_at;
create trigger whatsapp_auth_set_updated_at after update on whatsapp_auth for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.company_id, new.creds, new.created_at
    ) is not (
        old.company_id, old.creds, old.created_at
    )
begin
    update whatsapp_auth set updated_at = strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now') where company_id = new.company_id;
end;

drop trigger whatsapp_keys_set_updated_at;
create trigger whatsapp_keys_set_updated_at after update on whatsapp_keys for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.company_id, new.key_type, new.key_id, new.value, new.created_at, new.expires_at
    ) is not (
        old.company_id, old.key_type, old.key_id, old.value, old.created_at, old.expires_at
    )
begin
    update whatsapp_keys set updated_at = strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now') where company_id = new.company_id and key_type = new.key_type and key_id = new.key_id;
end;

drop trigger company_sync_status_set_updated_at;
create trigger company_sync_status_set_updated_at after update on company_sync_status for each row
when not (select active from datalayer_applying) and new.updated_at is old.updated_at and (
        new.id, new.company_id, new.last_sync_at, new.last_sync_success, new.last_sync_error,
        new.clients_synced, new.services_synced, new.staff_synced, new.bookings_synced,
        new.created_at
    ) is not (
        old.id, old.company_id, old.last_sync_at, old.last_sync_success, old.last_sync_error,
        old.clients_synced, old.services_synced, old.staff_synced, old.bookings_synced,
        old.created_at
    )
begin
    update company_sync_status set updated_at = strftime('%Y-%m-%d %H:%M:%f000', 'now') where id = new.id;
end;
