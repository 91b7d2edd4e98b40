-- While another store's rows are applied, updated_at is theirs: a row that is applied equals its source.

create or replace trigger companies_set_updated_at
    before update on companies for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger clients_set_updated_at
    before update on clients for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger services_set_updated_at
    before update on services for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger staff_set_updated_at
    before update on staff for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger bookings_set_updated_at
    before update on bookings for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger appointments_cache_set_updated_at
    before update on appointments_cache for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger dialog_contexts_set_updated_at
    before update on dialog_contexts for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger whatsapp_auth_set_updated_at
    before update on whatsapp_auth for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger whatsapp_keys_set_updated_at
    before update on whatsapp_keys for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();

create or replace trigger company_sync_status_set_updated_at
    before update on company_sync_status for each row
    when (old.* is distinct from new.* and old.updated_at is not distinct from new.updated_at
        and current_setting('datalayer.applying', true) is distinct from 'on')
    execute function set_updated_at();
