-- updated_at follows every change. A value the statement sets itself is kept, and writing a row that is there already
-- changes nothing: so a copied or twice-applied row stays equal to its source.

create function set_updated_at() returns trigger
language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create trigger companies_set_updated_at
    before update on companies for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger clients_set_updated_at
    before update on clients for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger services_set_updated_at
    before update on services for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger staff_set_updated_at
    before update on staff for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger bookings_set_updated_at
    before update on bookings for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger appointments_cache_set_updated_at
    before update on appointments_cache for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger dialog_contexts_set_updated_at
    before update on dialog_contexts for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger whatsapp_auth_set_updated_at
    before update on whatsapp_auth for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger whatsapp_keys_set_updated_at
    before update on whatsapp_keys for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();

create trigger company_sync_status_set_updated_at
    before update on company_sync_status for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at)
    execute function set_updated_at();
