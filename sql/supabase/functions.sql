-- What PostgREST calls: applying another store's rows, and checksums of rows. Run after sql/outbox/postgres.sql,
-- with the same search_path. The functions have the rights of their caller, the service role.

-- Returns the SQL of one column's value out of jsonb_to_recordset, and the field's type there. Documents travel as text:
-- as JSON their null could not be told from SQL NULL.
create or replace function datalayer_field(target regclass, name text, out field text, out value text)
language plpgsql stable set search_path from current
as $$
declare
    declared text;
    base text;
begin
    select format_type(a.atttypid, a.atttypmod), b.typname into declared, base
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
    where a.attrelid = target and a.attname = name and a.attnum > 0 and not a.attisdropped;
    if declared is null then
        raise exception 'column % of table % does not exist', name, target using errcode = '42703';
    end if;
    if base in ('json', 'jsonb') then
        field := format('%I text', name);
        value := format('r.%I::%s', name, declared);
    elsif base in ('_json', '_jsonb') then
        field := format('%I text[]', name);
        value := format('r.%I::%s', name, declared);
    else
        field := format('%I %s', name, declared);
        value := format('r.%I', name);
    end if;
end
$$;

create or replace function datalayer_primary_key(target regclass) returns text[]
language sql stable set search_path from current
as $$
    select coalesce(array_agg(a.attname::text order by k.place), '{}')
    from pg_index x
    cross join lateral unnest(x.indkey::int2[]) with ordinality as k (number, place)
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number
    where x.indrelid = target and x.indisprimary and k.place <= x.indnkeyatts
$$;

-- Writes rows of one table: kind is upsert, delete, or clear (NULL into columns, of rows that are about to go).
create or replace function datalayer_write(kind text, target regclass, columns text[], rows jsonb) returns void
language plpgsql set search_path from current
as $$
declare
    key text[] := datalayer_primary_key(target);
    -- A generated column is made here; PostgREST does not show who made it there.
    sent text[] := case when kind <> 'upsert' then key else array(
        select c.name from unnest(columns) with ordinality as c (name, place)
        where not exists (
            select 1 from pg_attribute a where a.attrelid = target and a.attname = c.name and a.attgenerated <> ''
        )
        order by c.place
    ) end;
    fields text;
    listed text;
    taken text;
    changed text;
    same text;
begin
    select string_agg(f.field, ', ' order by c.place), string_agg(f.value, ', ' order by c.place),
           string_agg(quote_ident(c.name), ', ' order by c.place),
           string_agg(format('%1$I = excluded.%1$I', c.name), ', ' order by c.place) filter (where c.name <> all (key))
    into fields, taken, listed, changed
    from unnest(sent) with ordinality as c (name, place), datalayer_field(target, c.name) as f;
    select string_agg(format('t.%I = %s', k.name, f.value), ' and ' order by k.place) into same
    from unnest(key) with ordinality as k (name, place), datalayer_field(target, k.name) as f;
    if kind = 'upsert' then
        execute format(
            'insert into %s (%s) overriding system value select %s from jsonb_to_recordset($1) as r(%s)'
            || ' on conflict (%s) do %s', target, listed, taken, fields,
            (select string_agg(quote_ident(name), ', ') from unnest(key) as name),
            coalesce('update set ' || changed, 'nothing')) using rows;
    elsif kind = 'delete' then
        execute format('delete from %s as t using jsonb_to_recordset($1) as r(%s) where %s', target, fields, same)
        using rows;
    else
        execute format('update %s as t set %s from jsonb_to_recordset($1) as r(%s) where %s', target,
            (select string_agg(format('%I = null', name), ', ') from unnest(columns) as name), fields, same) using rows;
    end if;
end
$$;

-- Gives rows that are about to lose a unique value another one for the time being, NULL where that is allowed: a unique
-- key is checked row by row, whatever the order.
create or replace function datalayer_park(target regclass, rows jsonb) returns void
language plpgsql set search_path from current
as $$
declare
    key text[] := datalayer_primary_key(target);
    fields text;
    same text;
    moved record;
begin
    for moved in
        select distinct on (c.indexrelid) c.name, c.passing, c.members
        from (
            select x.indexrelid, a.attname::text as name,
                   array_agg(a.attname::text) over (partition by x.indexrelid) as members,
                   case
                       when not a.attnotnull then 'null'
                       -- No parent has a passing value.
                       when exists (
                           select 1 from pg_constraint r
                           where r.conrelid = target and r.contype = 'f' and a.attnum = any (r.conkey)
                       ) then null
                       when t.typname = 'int2' then '(-1 - floor(random() * 32767))::int2'
                       when t.typname in ('int4', 'int8') then '(-1 - floor(random() * 2147483647))::int4'
                       when t.typname = 'numeric' then format(
                           '(-1 - floor(random() * (1e%s - 1))) / 1e%s',
                           least(case when a.atttypmod > 4 then (a.atttypmod - 4) >> 16 end, 15),
                           case when a.atttypmod > 4 then (a.atttypmod - 4) & 65535 else 0 end)
                       when t.typname in ('text', 'varchar', 'bpchar') then format(
                           'left(md5(random()::text), %s)', case when a.atttypmod > 4 then a.atttypmod - 4 else 32 end)
                       when t.typname = 'uuid' then 'gen_random_uuid()'
                       when t.typname = 'date' then 'date ''0001-01-01'' + floor(random() * 300000)::int4'
                       when t.typname in ('timestamp', 'timestamptz') then
                           'timestamp ''0001-01-02'' + random() * interval ''10000 days'''
                       when t.typname = 'bytea' then 'decode(md5(random()::text), ''hex'')'
                   end as passing
            from pg_index x
            cross join lateral unnest(x.indkey::int2[]) with ordinality as k (number, place)
            join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number
            join pg_type t on t.oid = a.atttypid
            where x.indrelid = target and x.indisunique and not x.indisprimary and x.indpred is null
                and x.indexprs is null and k.place <= x.indnkeyatts
        ) as c
        where c.passing is not null and c.name <> all (key)
        order by c.indexrelid, c.passing <> 'null', c.name
    loop
        select string_agg(f.field, ', ') into fields
        from (select unnest(key || moved.members) as name) as c, datalayer_field(target, c.name) as f;
        select string_agg(format('t.%1$I = r.%1$I', name), ' and ') into same from unnest(key) as name;
        execute format(
            'update %s as t set %I = %s from jsonb_to_recordset($1) as r(%s) where %s and (%s) is distinct from (%s)',
            target, moved.name, moved.passing, fields, same,
            (select string_agg(format('t.%I', name), ', ') from unnest(moved.members) as name),
            (select string_agg(format('r.%I', name), ', ') from unnest(moved.members) as name)) using rows;
    end loop;
end
$$;

-- Applies another store's rows in one transaction and returns how many keys were not outdated.
-- changes: {"keys": [{"table", "key", "version"}, ...],
--           "steps": [{"kind", "table", "columns": [...], "keys": [...], "rows": [{...}, ...]}, ...]}
-- Steps are done in their order; of each only the rows whose key's version was above the ledger's.
create or replace function datalayer_apply(origin uuid, changes jsonb) returns integer
language plpgsql set search_path from current
as $$
#variable_conflict use_column
declare
    fresh jsonb;
    counted integer;
    parking boolean := false;
    step record;
begin
    perform set_config('datalayer.applying', 'on', true);
    -- Entries are settled once this is answered, so it must be on the disk by then.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    with advanced as (
        insert into datalayer_ledger as ledger (origin, aggregatetype, aggregateid, version)
        select datalayer_apply.origin, seen."table", seen.key, seen.version
        from jsonb_to_recordset(changes -> 'keys') as seen ("table" text, key text, version bigint)
        order by seen."table" collate "C", seen.key collate "C"
        on conflict (origin, aggregatetype, aggregateid) do update set version = excluded.version
            where ledger.version < excluded.version
        returning ledger.aggregatetype as name, ledger.aggregateid as key
    ), by_table as (
        select name, jsonb_object_agg(key, true) as keys, count(*) as n from advanced group by name
    )
    select coalesce(jsonb_object_agg(name, keys), '{}'), coalesce(sum(n), 0) into fresh, counted from by_table;
    set constraints all deferred;
    for attempt in 1..2 loop
        begin
            for step in
                select s.step ->> 'kind' as kind, s.step ->> 'table' as name, wanted.rows,
                       array(select jsonb_array_elements_text(s.step -> 'columns')) as columns
                from jsonb_array_elements(changes -> 'steps') with ordinality as s (step, place)
                cross join lateral (
                    select jsonb_agg(r.sent order by r.place) as rows
                    from rows from (jsonb_array_elements(s.step -> 'rows'), jsonb_array_elements_text(s.step -> 'keys'))
                        with ordinality as r (sent, key, place)
                    where fresh -> (s.step ->> 'table') ? r.key
                ) as wanted
                where wanted.rows is not null
                order by s.place
            loop
                if step.name like 'datalayer\_%' then
                    raise exception 'table % is bookkeeping', step.name using errcode = '42501';
                end if;
                if parking and step.kind = 'upsert' then
                    perform datalayer_park(quote_ident(step.name)::regclass, step.rows);
                end if;
                perform datalayer_write(step.kind, quote_ident(step.name)::regclass, step.columns, step.rows);
            end loop;
            return counted;
        exception when unique_violation then
            if parking then
                raise;
            end if;
            parking := true;
        end;
    end loop;
    return counted;
end
$$;

-- Returns the SQL of a row's canonical text, in which datalayer verify compares unlike stores; each column is given with
-- the name of its spelling. The spellings are those of src/datalayer/transfer/verifying/texts_postgres.py.
create or replace function datalayer_spelled(columns jsonb) returns text
language plpgsql immutable set search_path from current
as $$
declare
    asked record;
    template text;
    parts text[] := '{}';
begin
    for asked in
        select c.item ->> 0 as name, c.item ->> 1 as spelling
        from jsonb_array_elements(columns) with ordinality as c (item, place) order by c.place
    loop
        template := case asked.spelling
            when 'text' then 'length(%1$I), '':'', %1$I'
            when 'uuid as text' then 'length(%1$I::text), '':'', %1$I::text'
            -- A cast would cut the spaces that fill up a character(n).
            when 'other as text' then 'length(case when %1$I is not null then concat(%1$I) end), '':'', %1$I'
            when 'plain' then '%1$I, '';'''
            when 'truth' then '%1$I::int, '';'''
            when 'trimmed' then 'trim_scale(%1$I), '';'''
            when 'moment' then '%1$I::timestamp, '';'''
            when 'float' then
                'case when %1$I = ''NaN'' then ''NaN'' else encode(float8send(%1$I::float8 + 0), ''hex'') end, '';'''
            when 'document' then
                'case when strpos(%1$I::text, ''null'') = 0 then json_strip_nulls(%1$I::json)::text'
                || ' else %1$I::text end, chr(10)'
            when 'array' then 'array_to_json(%1$I)::text, chr(10)'
        end;
        if template is null then
            raise exception 'there is no spelling %', asked.spelling using errcode = '22023';
        end if;
        parts := parts || format('concat(' || template || ')', asked.name);
    end loop;
    return array_to_string(parts, ' || ');
end
$$;

-- Returns rows and sum of row hashes by segment: [[segment, rows, sum of the upper halves, of the lower ones, how many
-- lower halves are negative], ...]; null where this server's texts are not those of the others.
-- cut: {"low", "step", "high", "whole", "nulls"} for ranges of a whole-number key, else {"mask", "above", "parents"} for
-- bits of the key's hash.
create or replace function datalayer_checksum(
    name text, columns jsonb, key jsonb, cut jsonb, strong boolean default false
) returns json
language plpgsql stable set search_path from current set datestyle = 'ISO' set intervalstyle = 'postgres'
    set extra_float_digits = 1 set bytea_output = 'hex' set timezone = 'UTC'
as $$
declare
    hash text := case when strong then 'encode(sha256(convert_to(%s, ''UTF8'')), ''hex'')' else 'md5(%s)' end;
    hashed_key text := format('(''x'' || left(%s, 16))::bit(64)::int8', format(hash, datalayer_spelled(key)));
    first_key text := quote_ident(key -> 0 ->> 0);
    segment text;
    within text := 'true';
    answer json;
begin
    if current_setting('server_version_num')::int < 140000 or getdatabaseencoding() <> 'UTF8' then
        return null;
    end if;
    if cut ? 'mask' then
        segment := format('%s & %s', hashed_key, (cut ->> 'mask')::int8);
        if cut ->> 'parents' is not null then
            within := format('(%s & %s) = any (array(select jsonb_array_elements_text($1 -> ''parents''))::int8[])',
                             hashed_key, (cut ->> 'above')::int8);
        end if;
    else
        segment := format('coalesce((%s::int8 - %L::int8) / %L::int8, -1)',
                          first_key, (cut ->> 'low')::int8, (cut ->> 'step')::int8);
        if not (cut ->> 'whole')::boolean then
            within := format('(%1$s between %2$L::int8 and %3$L::int8 or (%4$L and %1$s is null))', first_key,
                             (cut ->> 'low')::int8, (cut ->> 'high')::int8, (cut ->> 'nulls')::boolean);
        end if;
    end if;
    -- A number of 64 bits has a sign: each that is below zero lacks 2**64. OFFSET keeps the hash from being computed once
    -- more for each use of it.
    execute format($query$
        select coalesce(json_agg(json_build_array(segment, n, upper::text, lower::text, negative)), '[]') from (
            select segment, count(*) as n, sum(hashed::bit(64)::int8) as upper,
                   sum((hashed << 64)::bit(64)::int8) as lower,
                   count(*) filter (where get_bit(hashed, 64) = 1) as negative
            from (select %s as segment, ('x' || left(%s, 32))::bit(128) as hashed from %s where %s offset 0) as row
            group by 1
        ) as summed
    $query$, segment, format(hash, datalayer_spelled(columns)), quote_ident(name)::regclass, within)
    into answer using cut;
    return answer;
end
$$;

-- Moves each sequence of generated keys behind the largest key that is stored, and none back; returns how many it moved.
-- Rows that were applied brought their keys along, and the next generated one must not meet them.
create or replace function datalayer_advance_keys() returns integer
language plpgsql security definer set search_path from current
as $$
declare
    found_one record;
    largest bigint;
    moved integer := 0;
begin
    for found_one in
        select c.oid::regclass as relation, a.attname as name,
               pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass as generator
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = current_schema()::regnamespace
            and c.relname not like 'datalayer\_%' and pg_get_serial_sequence(c.oid::regclass::text, a.attname) is not null
    loop
        -- Keys from 1,000,000,000 on are PostgreSQL's own while some companies live there.
        execute format('select max(%1$I) from %2$s where %1$I < 1000000000', found_one.name, found_one.relation)
            into largest;
        if largest > coalesce(pg_sequence_last_value(found_one.generator), 0) then
            perform setval(found_one.generator, largest);
            moved := moved + 1;
        end if;
    end loop;
    return moved;
end
$$;
