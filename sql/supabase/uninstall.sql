-- Takes away what only Supabase has. Run before sql/outbox/postgres_uninstall.sql, with the same search_path.

drop function if exists datalayer_apply(uuid, jsonb);
drop function if exists datalayer_park(regclass, jsonb);
drop function if exists datalayer_write(text, regclass, text[], jsonb);
drop function if exists datalayer_field(regclass, text);
drop function if exists datalayer_checksum(text, jsonb, jsonb, jsonb, boolean);
drop function if exists datalayer_spelled(jsonb);
drop function if exists datalayer_primary_key(regclass);
drop function if exists datalayer_advance_keys();
