"""Copy between two PostgreSQL databases."""

from __future__ import annotations

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import OrphanedRowsError, TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import Progress, copy, verify

_NASTY = """
    create sequence counting;
    create table "select" (
        id bigint generated always as identity primary key,
        "Имя клиента" varchar(20) not null default 'кто-то',
        "two words" text[] default '{}',
        "Capital%" numeric(12, 3) not null default 0,
        plain numeric,
        exact double precision default 1.5,
        single real,
        flag boolean not null default true,
        day date default current_date,
        clock time,
        at timestamp default now(),
        seen timestamptz default now(),
        doc jsonb not null default '{}',
        raw json,
        token uuid default gen_random_uuid(),
        bytes bytea,
        nested integer[][],
        docs jsonb[],
        padded character(4),
        odd integer not null default length('four'),
        null_if text default nullif('a', 'b'),
        counted numeric default nextval('counting'),
        "a""quote" text,
        unique ("Имя клиента", "Capital%")
    );
    create table pairs (
        left_id integer, right_id text, note text, parent_left integer, parent_right text,
        primary key (left_id, right_id),
        constraint "pairs parent" foreign key (parent_left, parent_right) references pairs on delete set null
    );
    create table "50% off" ("100%" integer generated always as identity primary key, "%s" text);
    create table chickens (id serial primary key, egg_id integer not null);
    create table eggs (id serial primary key, chicken_id integer references chickens on delete cascade);
    alter table chickens add foreign key (egg_id) references eggs;
    create table loose (word text, number integer);
    create table parted (id integer primary key) partition by hash (id);
    create table parted_all partition of parted for values with (modulus 1, remainder 0);
    insert into parted values (1), (2);
    create table summed (id integer primary key, twice integer generated always as (id * 2) stored);
    insert into "select" ("Имя клиента", "two words", "Capital%", plain, exact, single, clock, doc, raw, bytes, nested,
                          docs, padded, "a""quote")
    values ('Анна', '{a,NULL,"b,c",""}', 1.500, 12345678901234567890.123456789, 0.1, 0.1, '10:00:00.000001',
            '{"b": [1, null], "a": "x"}', '{"z": 1, "a": 2}', '\\x00ff', '{{1,2},{3,NULL}}',
            array['null'::jsonb, '[1]'], 'ab', E'tab\\t newline\\n back\\\\slash \\\\N ''"'),
           ('', null, 0, 'NaN', 'Infinity', 'NaN', null, 'null', 'null', '', '{}', null, null, '');
    insert into pairs values (1, 'a', 'child', 2, 'b'), (2, 'b', 'parent', null, null), (3, ' ', null, 3, ' ');
    begin; set constraints all deferred; commit;
    alter table chickens alter constraint chickens_egg_id_fkey deferrable initially deferred;
    begin; insert into chickens values (1, 7); insert into eggs values (7, 1); commit;
    insert into loose values ('x', 1), ('x', 1), (null, null);
    insert into "50% off" ("%s") values ('%(a)s');
    insert into summed (id) values (1), (2);
    create table schema_migrations (version text primary key);
    insert into schema_migrations values ('0001')
"""


async def test_copy_brings_every_value_and_verify_agrees(origin: PostgresStore, target: PostgresStore) -> None:
    """Odd names, every type, NULLs, composite, self and circular references arrive exactly; bookkeeping stays."""
    await run(origin, _NASTY)
    seen: list[Progress] = []
    report = await copy(origin, target, on_progress=seen.append)
    assert {t.table: t.rows for t in report.tables} == {
        "select": 2,
        "50% off": 1,
        "pairs": 3,
        "chickens": 1,
        "eggs": 1,
        "loose": 3,
        "parted": 2,
        "summed": 2,
    }
    assert all(t.created for t in report.tables)
    assert {p.table for p in seen} == {t.table for t in report.tables}
    verified = await verify(origin, target)
    assert verified.equal, [t for t in verified.tables if not t.equal]
    assert [t.table for t in verified.tables] == sorted(t.table for t in report.tables)
    assert "schema_migrations" not in (await target.catalog(refresh=True)).tables


async def test_copy_creates_keys_identity_and_defaults(origin: PostgresStore, target: PostgresStore) -> None:
    """The created tables have the source's keys, foreign keys, numbering and simple defaults; the rest is told."""
    await run(origin, _NASTY)
    report = await copy(origin, target)
    there, here = (await origin.catalog()).tables, (await target.catalog(refresh=True)).tables
    for name, table in here.items():
        assert table.primary_key == there[name].primary_key
        assert [(u.name, u.columns) for u in table.uniques] == [(u.name, u.columns) for u in there[name].uniques]
        assert table.foreign_keys == there[name].foreign_keys
        assert [(c.name, c.type, c.nullable, c.identity or c.name == "counted") for c in table.columns] == [
            (c.name, c.type, c.nullable, c.identity) for c in there[name].columns
        ]
    assert here["select"].by_name["token"].default == "gen_random_uuid()"
    assert here["select"].by_name["Имя клиента"].default == there["select"].by_name["Имя клиента"].default
    assert any("select.odd" in note and "left out" in note for note in report.notes)
    assert any("select.null_if" in note and "left out" in note for note in report.notes)
    assert any("select.counted is numbered by the source" in note for note in report.notes)
    assert any("summed.twice" in note for note in report.notes)
    assert "parted is partitioned in the source; the target keeps one plain table" in report.notes


async def test_copy_makes_references_with_all_their_rules(origin: PostgresStore, target: PostgresStore) -> None:
    """What follows an update, when the server checks, and what a half-empty reference means."""
    await run(
        origin,
        """create table parents (a int, b int, primary key (a, b));
        create table children (
            id int primary key, a int, b int, next int references children deferrable,
            foreign key (a, b) references parents match full on update cascade on delete set null
                deferrable initially deferred
        )""",
    )
    await copy(origin, target)
    query = "select pg_get_constraintdef(oid) as said from pg_constraint where contype = 'f' order by 1"
    assert await ask(target, query) == await ask(origin, query)


async def test_copy_leaves_out_references_to_tables_of_other_schemas(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """A table of one's own that has the same name is another one."""
    await run(
        origin,
        """create schema auth; create table auth.users (id int primary key); create table users (id int primary key);
        create table profiles (id int primary key references auth.users);
        insert into auth.users values (1); insert into profiles values (1)""",
    )
    report = await copy(origin, target)
    note = "profiles (id): its foreign key to auth.users is left out, that table is not copied and not in the target"
    assert note in report.notes
    assert await ask(target, "select id from profiles") == [{"id": 1}]
    assert (await verify(origin, target)).proven


async def test_copy_sets_sequences_behind_the_largest_number(origin: PostgresStore, target: PostgresStore) -> None:
    """After the copy a new row gets a number that is not taken."""
    await run(origin, _NASTY)
    await copy(origin, target)
    await run(target, "alter table chickens drop constraint chickens_egg_id_fkey")
    rows = await ask(target, "insert into chickens (egg_id) values (1) returning id")
    assert rows == [{"id": 2}]
    assert await ask(target, "insert into eggs default values returning id") == [{"id": 8}]


async def test_copy_moves_sequences_of_every_kind_behind_the_largest_number(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """One that no column owns and two tables share, one of a numeric column, one with an end, one that counts down."""
    schema = """
        create sequence shared; create sequence down increment -1;
        create table a (id bigint primary key default nextval('shared'));
        create table b (id numeric primary key default nextval('shared'));
        create table c (id integer primary key generated always as identity (maxvalue 1000));
        create table d (id integer primary key default nextval('down'))
    """
    await run(origin, schema)
    await run(target, schema)
    await run(
        origin,
        "insert into a values (3); insert into b values (7); insert into d values (5), (-4);"
        " insert into c overriding system value values (5), (2000)",
    )
    await copy(origin, target)
    assert await ask(target, "insert into a default values returning id") == [{"id": 8}]
    assert await ask(target, "insert into d default values returning id") == [{"id": -5}]
    assert await ask(target, "insert into c default values returning id") == [{"id": 6}]


async def test_copy_again_changes_nothing_and_brings_what_changed(origin: PostgresStore, target: PostgresStore) -> None:
    """A second run over keyed tables updates rows in place, and never moves a sequence back."""
    await run(origin, _NASTY + "; drop table loose")
    await copy(origin, target)
    await run(target, "select setval('eggs_id_seq', 100)")
    await run(origin, "update pairs set note = 'new' where left_id = 1; insert into summed (id) values (3)")
    before = await ask(target, 'select ctid::text, xmin::text from "select" order by 1')
    report = await copy(origin, target)
    assert not any(t.created for t in report.tables)
    assert await ask(target, 'select ctid::text, xmin::text from "select" order by 1') == before
    assert (await verify(origin, target)).equal
    assert await ask(target, "insert into eggs default values returning id") == [{"id": 101}]


async def test_copy_again_doubles_no_row_of_a_table_without_a_key(origin: PostgresStore, target: PostgresStore) -> None:
    """Without a key a row is told by all of its values from one that is there."""
    await run(origin, "create table loose (word text); insert into loose values ('a'), ('a')")
    await copy(origin, target)
    await copy(origin, target)
    assert await ask(target, "select count(*) from loose") == [{"count": 2}]


async def test_copy_compares_schemas_before_a_row_moves(origin: PostgresStore, target: PostgresStore) -> None:
    """Every obstacle in every table is told at once, and no table is touched."""
    await run(
        origin, "create table a (id int primary key); insert into a values (1); create table b (id int, note text)"
    )
    await run(target, "create table b (id int, must text not null)")
    with pytest.raises(TransferError) as caught:
        await copy(origin, target)
    assert "b lacks the column note" in str(caught.value)
    assert "b.must is NOT NULL without a default" in str(caught.value)
    assert "a" not in (await target.catalog(refresh=True)).tables


async def test_copy_keeps_triggers_quiet_and_leaves_them_as_they_were(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """A trigger that stamps rows does not change copied ones; afterwards every trigger is as it was."""
    await run(origin, "create table t (id int primary key, at timestamp); insert into t values (1, '2020-01-01')")
    await run(
        target,
        """
        create table t (id int primary key, at timestamp);
        insert into t values (1, '2019-01-01');
        create function stamp() returns trigger language plpgsql as $$ begin new.at = now(); return new; end $$;
        create function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
        create trigger stamp before insert or update on t for each row execute function stamp();
        create trigger off before update on t for each row execute function fail();
        alter table t disable trigger off
        """,
    )
    await copy(origin, target)
    assert (await verify(origin, target)).equal
    await run(target, "update t set id = 1")
    assert not (await verify(origin, target)).equal
    assert await ask(target, "select tgname, tgenabled from pg_trigger where not tgisinternal order by 1") == [
        {"tgname": "off", "tgenabled": "D"},
        {"tgname": "stamp", "tgenabled": "O"},
    ]


async def test_copy_loads_existing_tables_that_refer_to_each_other(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """A circle of foreign keys that the target enforces already is checked at the end, then as strictly as before."""
    tables = """
        create table chickens (id int primary key, egg_id int not null);
        create table eggs (id int primary key, chicken_id int not null references chickens);
    """
    rows = "insert into chickens values (1, 7); insert into eggs values (7, 1);"
    circle = "alter table chickens add foreign key (egg_id) references eggs"
    await run(origin, tables + rows + circle)
    await run(target, tables + circle)
    await copy(origin, target)
    assert (await verify(origin, target)).equal
    assert await ask(target, "select bool_or(condeferrable) as loose from pg_constraint where contype = 'f'") == [
        {"loose": False}
    ]


async def test_copy_names_rows_that_refer_to_nothing_and_finishes_when_run_again(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """A reference that cannot be added names the rows; once they are repaired, the next run adds it."""
    await run(
        origin,
        """
        create table parents (id int primary key);
        create table children (id int primary key, parent_id int);
        insert into children values (1, null), (2, 5);
        alter table children add foreign key (parent_id) references parents not valid
        """,
    )
    told = (
        r"children \(parent_id\) refers to rows that parents does not have, first at id=2;"
        " the source does not have them either: repair the rows there, then run the copy again"
    )
    with pytest.raises(OrphanedRowsError, match=told):
        await copy(origin, target)
    await run(origin, "insert into parents values (5)")
    await copy(origin, target)
    assert [k.target_table for k in (await target.catalog(refresh=True)).tables["children"].foreign_keys] == ["parents"]
    assert await ask(target, "select obj_description('children'::regclass, 'pg_class') as said") == [{"said": None}]


async def test_copy_of_children_alone_says_that_their_parents_lack(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """They may be in the source."""
    await run(
        origin,
        "create table parents (id int primary key); insert into parents values (5);"
        "create table children (id int primary key, parent_id int references parents);"
        "insert into children values (1, null), (2, 5)",
    )
    await run(target, "create table parents (id int primary key)")
    with pytest.raises(OrphanedRowsError, match="first at id=2; copy parents too, or repair the rows in the source,"):
        await copy(origin, target, tables=["children"])
    await copy(origin, target)
    assert (await verify(origin, target)).equal


async def test_copy_of_named_tables_leaves_out_references_elsewhere(
    origin: PostgresStore, target: PostgresStore
) -> None:
    """Only the named tables are copied, schema_migrations too when it is named; a lost reference is told."""
    await run(origin, _NASTY)
    report = await copy(origin, target, tables=["eggs", "schema_migrations"])
    assert {t.table for t in report.tables} == {"eggs", "schema_migrations"}
    assert any("eggs (chicken_id): its foreign key to chickens is left out" in note for note in report.notes)
    assert (await verify(origin, target, tables=["eggs", "schema_migrations"])).equal
    with pytest.raises(TransferError, match="there is no table egs"):
        await copy(origin, target, tables=["egs"])


async def test_copy_rolls_a_table_back_when_a_row_does_not_fit(origin: PostgresStore, target: PostgresStore) -> None:
    """A value too wide for an existing target column stops the copy; message and table have nothing of it."""
    await run(origin, "create table t (id int primary key, word text); insert into t values (1, 'fine'), (2, 'secret')")
    await run(target, "create table t (id int primary key, word varchar(4))")
    with pytest.raises(TransferError, match=r"t\.word is longer than the 4 characters .* at id=2") as caught:
        await copy(origin, target)
    assert "secret" not in str(caught.value)
    assert await ask(target, "select count(*) from t") == [{"count": 0}]


async def test_copy_tells_which_constraint_refused_a_row(origin: PostgresStore, target: PostgresStore) -> None:
    """A CHECK of the target that a row breaks is named, the row's values are not."""
    await run(origin, "create table t (id int primary key, word text); insert into t values (1, 'secret')")
    await run(target, "create table t (id int primary key, word text constraint no_secrets check (word <> 'secret'))")
    with pytest.raises(TransferError, match=r"constraint no_secrets; at id=1; no row was written") as caught:
        await copy(origin, target)
    assert "secret'" not in str(caught.value)


async def test_copy_refuses_a_type_that_it_cannot_make(origin: PostgresStore, target: PostgresStore) -> None:
    """A composite type has to be created first; nothing is created in vain."""
    await run(origin, "create type place as (x int, y int); create table t (id int primary key, at place)")
    with pytest.raises(TransferError, match=r"t\.at \(place\); a copy makes enums and domains, no composite types"):
        await copy(origin, target)
    assert not (await target.catalog(refresh=True)).tables
    await run(target, "create type place as (x int, y int)")
    await run(origin, "insert into t values (1, '(1,2)')")
    await copy(origin, target)
    assert (await verify(origin, target)).equal


async def test_copy_streams_more_rows_than_one_chunk(origin: PostgresStore, target: PostgresStore) -> None:
    """Tens of thousands of rows arrive, into an empty table and over existing rows."""
    await run(
        origin,
        "create table t (id int primary key, word text);"
        " insert into t select n, 'word ' || n from generate_series(1, 25000) n",
    )
    assert (await copy(origin, target)).rows == 25_000
    await run(target, "update t set word = 'stale' where id % 100 = 0; delete from t where id > 24000")
    await copy(origin, target)
    verified = await verify(origin, target)
    assert verified.equal
    assert verified.tables[0].target_rows == 25_000
