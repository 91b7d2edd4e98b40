-- Bookkeeping about another database's rows, which has no triggers: marks, open writes, applies in flight.

create table if not exists datalayer_marks (
    like datalayer_outbox including defaults including constraints,
    primary key (version)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
create index if not exists datalayer_marks_key on datalayer_marks (aggregatetype, aggregateid);

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
