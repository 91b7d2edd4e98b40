-- What follows changes of tables: bookkeeping, one sequence of versions. Safe to run again; a newer script upgrades an
-- older one. The triggers of each table are made by the program, which knows the table's key.

create table if not exists datalayer_control (
    "only" integer primary key check ("only" = 1),
    id uuid not null default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    fenced boolean not null default 0,
    script int4 not null
);
insert into datalayer_control ("only", script) values (1, 2)
on conflict ("only") do update set script = excluded.script where script < excluded.script;

create table if not exists datalayer_applying (
    "only" integer primary key check ("only" = 1),
    active boolean not null default 0
);
insert or ignore into datalayer_applying ("only") values (1);

create table if not exists datalayer_outbox (
    version integer primary key autoincrement,
    id uuid not null default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    aggregatetype text not null,
    aggregateid text not null,
    type text not null check (type in ('upsert', 'delete', 'truncate', 'sweep')),
    payload json,
    created_at timestamptz not null default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    tries int4 not null default 0,
    next_try_at timestamptz,
    claimed_by text,
    claimed_until timestamptz,
    error text,
    dead_at timestamptz
);
create index if not exists datalayer_outbox_key on datalayer_outbox (aggregatetype, aggregateid);

create table if not exists datalayer_marks (
    version integer primary key autoincrement,
    id uuid not null default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    aggregatetype text not null,
    aggregateid text not null,
    type text not null check (type in ('upsert', 'delete', 'truncate', 'sweep')),
    payload json,
    created_at timestamptz not null default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
    tries int4 not null default 0,
    next_try_at timestamptz,
    claimed_by text,
    claimed_until timestamptz,
    error text,
    dead_at timestamptz
);
create index if not exists datalayer_marks_key on datalayer_marks (aggregatetype, aggregateid);

-- Both tables count on from the higher of the two: one sequence for all versions, never set back.
insert into sqlite_sequence (name, seq)
select name, 0 from (select 'datalayer_outbox' as name union all select 'datalayer_marks') as counted
where name not in (select name from sqlite_sequence);
create trigger if not exists datalayer_outbox_counts after insert on datalayer_outbox
begin
    update sqlite_sequence set seq = max(seq, new.version) where name = 'datalayer_marks';
end;
create trigger if not exists datalayer_marks_counts after insert on datalayer_marks
begin
    update sqlite_sequence set seq = max(seq, new.version) where name = 'datalayer_outbox';
end;

create table if not exists datalayer_ledger (
    origin uuid not null,
    aggregatetype text not null,
    aggregateid text not null,
    version bigint not null,
    primary key (origin, aggregatetype, aggregateid)
) without rowid;

create table if not exists datalayer_operations (
    id uuid primary key not null default (lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
        || substr('89ab', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))
    )),
    aggregatetype text not null,
    keys json,
    target json,
    expires_at timestamptz not null,
    created_at timestamptz not null default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))
);

create table if not exists datalayer_pins (
    aggregatetype text not null,
    aggregateid text not null,
    owner text not null,
    expires_at timestamptz not null,
    primary key (aggregatetype, aggregateid)
) without rowid;
