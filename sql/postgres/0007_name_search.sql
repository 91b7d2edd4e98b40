-- Substring search over names in any case, served by trigrams where the server has pg_trgm. Without it the search
-- answers the same, by reading all names of the company.

do $$
declare
    left_out constant text := 'left out clients_name_trgm_idx (names are searched without an index): ';
    later constant text := 'once pg_trgm is there: create index clients_name_trgm_idx on clients using gin (name gin_trgm_ops)';
    home text;
begin
    if not exists (select from pg_available_extensions where name = 'pg_trgm') then
        raise notice '%', left_out || 'the server does not offer pg_trgm; ' || later;
        return;
    end if;
    begin
        create extension if not exists pg_trgm;
    exception when insufficient_privilege then
        raise notice '%', left_out || 'this user may not create pg_trgm; ' || later;
        return;
    end;
    -- An extension installed earlier may live outside the search path, as it does on Supabase.
    select n.nspname into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    execute format('create index clients_name_trgm_idx on clients using gin (name %I.gin_trgm_ops)', home);
end
$$;
