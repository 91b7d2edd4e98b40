-- Takes away everything that the scripts made, entries included. It is run with search_path set to the bookkeeping's
-- schema, and pg_temp.

do $$
declare
    armed regclass;
begin
    for armed in
        select distinct g.tgrelid::regclass from pg_trigger g join pg_proc p on p.oid = g.tgfoid
        where g.tgname like 'datalayer\_capture%' and g.tgparentid = 0 and p.pronamespace = current_schema()::regnamespace
    loop
        perform datalayer_disarm(armed);
    end loop;
end
$$;

drop function if exists datalayer_status(regclass[]);
drop function if exists datalayer_unfence();
drop function if exists datalayer_fence();
drop function if exists datalayer_disarm(regclass);
drop function if exists datalayer_arm(regclass);
drop function if exists datalayer_is_armed(regclass);
drop function if exists datalayer_truncatable(regclass);
drop function if exists datalayer_capture_source(regclass);
drop function if exists datalayer_key_expression(regclass, text, boolean);
drop table if exists datalayer_control, datalayer_outbox, datalayer_ledger, datalayer_marks, datalayer_operations,
    datalayer_pins, datalayer_processes, datalayer_leads, datalayer_cohorts, datalayer_cohort_members;
drop sequence if exists datalayer_version, datalayer_cohort_version;
