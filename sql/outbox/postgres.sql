-- What follows changes of tables: bookkeeping, capture triggers, the fence. Safe to run again; a newer script upgrades an
-- older one. It is run with search_path set to the one schema that the bookkeeping lives in, and pg_temp.

create table if not exists datalayer_control (
    "only" boolean primary key default true check ("only"),
    id uuid not null default gen_random_uuid(),
    fenced boolean not null default false,
    script integer not null
);

-- One sequence for all versions, never set back: of two entries for one key the later commit has the higher.
create sequence if not exists datalayer_version as bigint cache 1 no cycle;

-- The id is made of the session's own random numbers: gen_random_uuid() asks the system for each, which is a quarter of
-- what a trigger costs, and nobody need be kept from guessing an id.
create table if not exists datalayer_outbox (
    version bigint primary key default nextval('datalayer_version'),
    id uuid not null default (
        lpad(to_hex((random() * 4294967295)::bigint), 8, '0')
        || lpad(to_hex((random() * 4294967295)::bigint), 8, '0')
        || lpad(to_hex((random() * 4294967295)::bigint), 8, '0')
        || lpad(to_hex((random() * 4294967295)::bigint), 8, '0')
    )::uuid,
    aggregatetype text not null,
    aggregateid text not null,
    type text not null check (type in ('upsert', 'delete', 'truncate', 'sweep')),
    payload json,
    created_at timestamptz not null default clock_timestamp(),
    tries integer not null default 0,
    next_try_at timestamptz,
    claimed_by text,
    claimed_until timestamptz,
    error text,
    dead_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
create index if not exists datalayer_outbox_key on datalayer_outbox (aggregatetype, aggregateid);
-- Relays look for held deletes every few seconds; claims do not touch what this index looks at.
create index if not exists datalayer_outbox_held on datalayer_outbox (aggregatetype) where error = 'DeletesHeld';

create table if not exists datalayer_ledger (
    origin uuid not null,
    aggregatetype text not null,
    aggregateid text not null,
    version bigint not null,
    primary key (origin, aggregatetype, aggregateid)
) with (fillfactor = 80);

insert into datalayer_control (script) values (2)
on conflict ("only") do update set script = excluded.script where datalayer_control.script < excluded.script;

-- Returns the text of an expression that writes a row's key as JSON: an array, or an object with the columns' names.
-- Texts must not depend on the session's settings, and equal keys must have equal texts.
create or replace function datalayer_key_expression(target regclass, variable text, named boolean) returns text
language plpgsql stable set search_path from current
as $$
declare
    part record;
    value text;
    parts text[] := '{}';
begin
    -- Two transactions may hold one deferrable key at a time, so their versions need not follow their commits.
    if exists (select 1 from pg_index where indrelid = target and indisprimary and not indimmediate) then
        raise exception 'table % cannot be followed: its primary key is deferrable', target using errcode = '0A000';
    end if;
    for part in
        select a.attname as name, base.oid as type_oid, base.typname as type_name, base.typtype as type_kind,
               coalesce(l.collisdeterministic, true) as deterministic
        from pg_index x
        cross join lateral unnest(x.indkey::int2[]) with ordinality as k (number, place)
        join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number
        join pg_type t on t.oid = a.atttypid
        join pg_type base on base.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
        left join pg_collation l on l.oid = a.attcollation
        where x.indrelid = target and x.indisprimary and k.place <= x.indnkeyatts
        order by k.place
    loop
        value := format('%s.%I', variable, part.name);
        value := case
            when not part.deterministic then null
            when part.type_name in ('int2', 'int4', 'int8', 'bool') then value || '::text'
            when part.type_name = 'numeric' then format('''"'' || trim_scale(%s)::text || ''"''', value)
            when part.type_name = 'bytea' then format('''"'' || encode(%s, ''hex'') || ''"''', value)
            when part.type_name = 'timestamptz' then format('to_json(%s at time zone ''UTC'')::text', value)
            when part.type_name in ('text', 'varchar', 'bpchar', 'name', 'uuid', 'date', 'time', 'timestamp', 'inet',
                                    'cidr', 'macaddr', 'macaddr8') or part.type_kind = 'e'
                then format('to_json(%s)::text', value)
        end;
        if value is null then
            raise exception 'table % cannot be followed: equal values of its key column % can be spelt differently',
                target, part.name using errcode = '0A000';
        end if;
        parts := parts || (case when named then quote_literal(to_json(part.name) || ':') || ' || ' else '' end || value);
    end loop;
    if parts = '{}' then
        raise exception 'table % cannot be followed: it has no primary key', target using errcode = '0A000';
    end if;
    return format(case when named then '''{'' || %s || ''}''' else '''['' || %s || '']''' end,
                  array_to_string(parts, ' || '','' || '));
end
$$;

-- Returns the body of a table's capture function. It is security definer: whoever may write the table need have no right
-- on the bookkeeping. The shared lock makes a fence wait for this transaction (it answers void, which is not null; as an
-- assignment it is a simple expression, without the cost of a query); above read committed the row's lock makes
-- a transaction fail whose snapshot is older than the fence. The fence is asked for before the statement, or an
-- application would be told of a unique value that the relay has brought; and once more where rows may change without
-- their own table's statement: through a parent, to a partition, and by a replication's worker.
create or replace function datalayer_capture_source(target regclass) returns text
language plpgsql stable set search_path from current
as $$
declare
    home text := quote_ident(current_schema());
    root regclass := coalesce((select pg_partition_root(target)), target);
    name text := (select relname from pg_class where oid = root);
    key_types text := (
        select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
        from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = any (x.indkey)
        where x.indrelid = root and x.indisprimary
    );
    row_asks text := case
        when exists (select 1 from pg_class where oid = target and relkind = 'p')
            or exists (select 1 from pg_inherits where target in (inhrelid, inhparent)) then 'true'
        else 'current_setting(''session_replication_role'') = ''replica'''
    end;
begin
    return format($template$
-- Types of the key: %7$s. Sessions keep plans for the types they met, so other types need another function.
declare
    held boolean;
    old_key text;
    new_key text;
begin
    if tg_when = 'BEFORE' or %8$s then
        held := pg_advisory_xact_lock_shared(-8768303411416121023) is null;
        if current_setting('transaction_isolation') = 'read committed' then
            select fenced into held from %1$s.datalayer_control;
        else
            select fenced into held from %1$s.datalayer_control for share;
        end if;
        if held then
            raise exception 'writes are held: this database is fenced' using errcode = 'DL001';
        end if;
        if tg_when = 'BEFORE' then
            return null;
        end if;
    end if;
    if tg_op = 'TRUNCATE' then
        insert into %1$s.datalayer_outbox (aggregatetype, aggregateid, type) values (%2$L, '*', 'truncate');
        return null;
    end if;
    if tg_op <> 'INSERT' then
        old_key := %3$s;
    end if;
    if tg_op <> 'DELETE' then
        new_key := %4$s;
        insert into %1$s.datalayer_outbox (aggregatetype, aggregateid, type, payload)
        values (%2$L, new_key, 'upsert', (%5$s)::json);
    end if;
    if new_key is distinct from old_key and tg_op <> 'INSERT' then
        insert into %1$s.datalayer_outbox (aggregatetype, aggregateid, type, payload)
        values (%2$L, old_key, 'delete', (%6$s)::json);
    end if;
    return null;
end
$template$, home, name,
        datalayer_key_expression(root, 'old', false), datalayer_key_expression(root, 'new', false),
        datalayer_key_expression(root, 'new', true), datalayer_key_expression(root, 'old', true),
        md5(key_types), row_asks);
end
$$;

-- Returns a table with, where it is partitioned, all of its partitions: a statement about a partition fires only its own
-- statements' triggers.
create or replace function datalayer_truncatable(target regclass) returns setof regclass
language sql stable set search_path from current
as $$
    select target where not exists (select 1 from pg_class where oid = target and relkind = 'p')
    union
    select relid from pg_partition_tree(target)
$$;

-- Whether a table's triggers are all there, switched on, and of this script.
create or replace function datalayer_is_armed(target regclass) returns boolean
language plpgsql stable set search_path from current
as $$
declare
    source text;
begin
    begin
        source := datalayer_capture_source(target);
    exception when feature_not_supported then
        return false;
    end;
    return (
        select count(*) = 2 from pg_trigger g join pg_proc p on p.oid = g.tgfoid
        where g.tgrelid = target and g.tgname in ('datalayer_capture', 'datalayer_capture_update')
            and g.tgenabled = 'A' and p.prosrc = source and p.prosecdef
    ) and not exists (
        select 1 from datalayer_truncatable(target) as piece (relation)
        where (
            select count(*) from pg_trigger g join pg_proc p on p.oid = g.tgfoid
            where g.tgrelid = piece.relation and g.tgname in ('datalayer_capture_truncate', 'datalayer_capture_fence')
                and g.tgenabled = 'A' and p.prosrc = source
        ) <> 2
    );
end
$$;

-- Puts the triggers on a table; false where they are there already. Creating them waits until every transaction that has
-- written the table is over, so no change falls between.
create or replace function datalayer_arm(target regclass) returns boolean
language plpgsql set search_path from current
as $$
declare
    source text := datalayer_capture_source(target);
    quiet text := 'current_setting(''datalayer.applying'', true) is distinct from ''on''';
    called text;
    stranger text;
    piece regclass;
begin
    if datalayer_is_armed(target) then
        return false;
    end if;
    perform datalayer_disarm(target);
    select format('%I.%I', current_schema(), 'datalayer_capture_' || left(md5(n.nspname || '.' || c.relname), 16))
    into called
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = target;
    execute format(
        'create or replace function %s() returns trigger language plpgsql security definer'
        || ' set search_path = pg_catalog, pg_temp as %L', called, source);
    -- Default privileges may have opened it to anybody.
    for stranger in
        select distinct case x.grantee when 0 then 'public' else x.grantee::regrole::text end
        from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as x
        where p.oid = (called || '()')::regprocedure and x.grantee <> p.proowner
    loop
        execute format('revoke all on function %s() from %s', called, stranger);
    end loop;
    execute format(
        'create trigger datalayer_capture after insert or delete on %s for each row when (%s) execute function %s()',
        target, quiet, called);
    execute format(
        'create trigger datalayer_capture_update after update on %s for each row'
        || ' when (old.* operator(pg_catalog.*<>) new.* and %s) execute function %s()', target, quiet, called);
    execute format('alter table %s enable always trigger datalayer_capture', target);
    execute format('alter table %s enable always trigger datalayer_capture_update', target);
    for piece in select * from datalayer_truncatable(target) loop
        execute format(
            'create trigger datalayer_capture_truncate after truncate on %s for each statement when (%s)'
            || ' execute function %s()', piece, quiet, called);
        execute format(
            'create trigger datalayer_capture_fence before insert or update or delete or truncate on %s'
            || ' for each statement when (%s) execute function %s()', piece, quiet, called);
        -- Only this piece: partitions have triggers of their own.
        execute format('alter table only %s enable always trigger datalayer_capture_truncate', piece);
        execute format('alter table only %s enable always trigger datalayer_capture_fence', piece);
    end loop;
    return true;
end
$$;

-- Takes the triggers off a table; false where there are none.
create or replace function datalayer_disarm(target regclass) returns boolean
language plpgsql set search_path from current
as $$
declare
    found_one boolean := false;
    used record;
begin
    for used in
        select g.tgrelid::regclass as relation, g.tgname as name, g.tgfoid::regprocedure as function
        from datalayer_truncatable(target) as piece (relation)
        join pg_trigger g on g.tgrelid in (piece.relation, target)
        where g.tgname like 'datalayer\_capture%' and g.tgparentid = 0
        group by 1, 2, 3
    loop
        execute format('drop trigger %I on %s', used.name, used.relation);
        if not exists (select 1 from pg_trigger where tgfoid = used.function) then
            execute format('drop function %s', used.function);
        end if;
        found_one := true;
    end loop;
    return found_one;
end
$$;

-- Refuses all writes to armed tables from now on, and returns once every transaction that wrote one is over.
create or replace function datalayer_fence() returns boolean
language plpgsql set search_path from current
as $$
begin
    perform pg_advisory_xact_lock(-8768303411416121023);
    update datalayer_control set fenced = true where not fenced;
    return true;
end
$$;

create or replace function datalayer_unfence() returns boolean
language plpgsql set search_path from current
as $$
begin
    perform pg_advisory_xact_lock(-8768303411416121023);
    update datalayer_control set fenced = false where fenced;
    return false;
end
$$;

-- What is installed, as JSON: for the tables given, else for those of the bookkeeping's schema.
create or replace function datalayer_status(targets regclass[] default null) returns json
language plpgsql stable set search_path from current
as $$
declare
    looked_at regclass[] := coalesce(targets, (
        select coalesce(array_agg(c.oid::regclass), '{}') from pg_class c
        where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = current_schema()::regnamespace
            and c.relname not like 'datalayer\_%' and c.relname <> 'schema_migrations'
    ));
begin
    return (
        select json_build_object(
            'id', id, 'fenced', fenced, 'script', script,
            'entries', (select count(*) from datalayer_outbox where dead_at is null),
            'dead', (select count(*) from datalayer_outbox where dead_at is not null),
            'armed', (
                select coalesce(json_agg(c.relname order by c.relname), '[]')
                from pg_class c where c.oid = any (looked_at) and datalayer_is_armed(c.oid)
            ),
            'outdated', (
                select coalesce(json_agg(c.relname order by c.relname), '[]')
                from pg_class c where c.oid = any (looked_at) and not datalayer_is_armed(c.oid)
                    and exists (select 1 from pg_trigger where tgrelid = c.oid and tgname like 'datalayer\_capture%')
            ),
            'functions', (
                select coalesce(json_agg(distinct proname order by proname), '[]') from pg_proc
                where pronamespace = current_schema()::regnamespace and proname like 'datalayer\_%'
                    and prorettype <> 'trigger'::regtype
            ),
            'interfering', (
                select coalesce(json_agg(json_build_object('table', c.relname, 'trigger', g.tgname)
                                         order by c.relname, g.tgname), '[]')
                from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_proc p on p.oid = g.tgfoid
                where g.tgrelid = any (looked_at) and not g.tgisinternal and g.tgenabled in ('O', 'A')
                    and g.tgname not like 'datalayer\_capture%'
                    -- Rows' or statements' INSERT, DELETE and UPDATE, not TRUNCATE alone.
                    and g.tgtype & 28 <> 0
                    and position('datalayer.applying' in pg_get_triggerdef(g.oid) || p.prosrc) = 0
            )
        )
        from datalayer_control
    );
end
$$;
