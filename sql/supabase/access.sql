-- Who may what: the service role alone. Row security is on without a policy, so a key that sees the control row is known
-- to see all rows. Run last, with the same search_path.

do $$
declare
    name text;
    stranger text;
    item record;
begin
    foreach name in array array['datalayer_control', 'datalayer_outbox', 'datalayer_ledger'] loop
        execute format('alter table %I enable row level security', name);
    end loop;
    foreach stranger in array array['public', 'anon', 'authenticated'] loop
        if stranger = 'public' or to_regrole(stranger) is not null then
            execute format('revoke all on datalayer_control, datalayer_outbox, datalayer_ledger from %s', stranger);
            execute format('revoke all on sequence datalayer_version from %s', stranger);
            for item in
                select oid::regprocedure as signature from pg_proc
                where pronamespace = current_schema()::regnamespace and proname like 'datalayer\_%'
            loop
                execute format('revoke all on function %s from %s', item.signature, stranger);
            end loop;
        end if;
    end loop;
    if to_regrole('service_role') is null then
        raise exception 'there is no role service_role: this is not a Supabase database'
            using errcode = '42704', hint = 'use datalayer outbox install for a PostgreSQL of your own';
    end if;
end
$$;

grant select, insert, update, delete on datalayer_outbox, datalayer_ledger to service_role;
grant select, update on datalayer_control to service_role;
grant usage on sequence datalayer_version to service_role;
grant execute on function datalayer_status(regclass[]), datalayer_fence(), datalayer_unfence(),
    datalayer_apply(uuid, jsonb), datalayer_write(text, regclass, text[], jsonb), datalayer_park(regclass, jsonb),
    datalayer_field(regclass, text), datalayer_primary_key(regclass),
    datalayer_spelled(jsonb),
    datalayer_checksum(text, jsonb, jsonb, jsonb, boolean), datalayer_advance_keys() to service_role;
-- It looks at the triggers' sources by functions that the service role need not have.
alter function datalayer_status(regclass[]) security definer;
