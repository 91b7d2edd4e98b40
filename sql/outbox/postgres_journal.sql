-- Bookkeeping about another database's rows, which has no triggers: marks, open writes, applies in flight. And what all
-- processes of a dual-write agree on here, since each pair of stores has a PostgreSQL: which store leads.

create table if not exists datalayer_marks (
    like datalayer_outbox including defaults including constraints,
    primary key (version)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
create index if not exists datalayer_marks_key on datalayer_marks (aggregatetype, aggregateid);
-- Relays look for held deletes every few seconds; claims do not touch what this index looks at.
create index if not exists datalayer_marks_held on datalayer_marks (aggregatetype) where error = 'DeletesHeld';

create table if not exists datalayer_operations (
    id uuid primary key default gen_random_uuid(),
    aggregatetype text not null,
    keys json,
    target json,
    expires_at timestamptz not null,
    created_at timestamptz not null default clock_timestamp()
);

create table if not exists datalayer_pins (
    aggregatetype text not null,
    aggregateid text not null,
    owner text not null,
    expires_at timestamptz not null,
    primary key (aggregatetype, aggregateid)
);

-- Applications at work, each with the primaries that its settings say. One that has not been heard of for its lease is
-- taken for gone.
create table if not exists datalayer_processes (
    process uuid primary key,
    name text not null,
    leads text not null,
    beat timestamptz not null default clock_timestamp()
);

-- The primaries that applications began with last, and whether the store that led before owed nothing then.
create table if not exists datalayer_leads (
    "only" boolean primary key default true check ("only"),
    leads text not null,
    settled boolean not null,
    since timestamptz not null default clock_timestamp()
);
