"""Loads that change rows on the way: Supabase's auth.users into a users table of one's own, values re-encrypted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.app import run as run_command
from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load
from datalayer.transfer.reports import Progress

_AUTH = """
    create schema auth;
    create table auth.users (
        instance_id uuid, id uuid primary key, aud varchar(255), role varchar(255), email varchar(255),
        encrypted_password varchar(255), email_confirmed_at timestamptz, last_sign_in_at timestamptz,
        raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean, created_at timestamptz,
        phone text unique, confirmed_at timestamptz generated always as (email_confirmed_at) stored,
        deleted_at timestamptz, is_anonymous boolean not null default false
    );
    insert into auth.users (id, email, encrypted_password, email_confirmed_at, raw_user_meta_data, created_at,
        deleted_at)
    select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'User' || n || '@Example.org',
        '$2a$10$' || n, case when n % 2 = 0 then '2024-01-02 03:04:05.678901+00'::timestamptz end,
        jsonb_build_object('name', 'имя ' || n), '2024-01-01', case when n % 100 = 0 then now() end
    from generate_series(1, 1000) n;
"""
_USERS = """
    create table users (
        id uuid primary key, email text not null unique, password_hash text not null, display_name text,
        is_verified boolean not null, created_at timestamptz not null default now()
    )
"""


def to_users(table: str, row: Row) -> tuple[str, Row] | None:
    """Turn Supabase's accounts into local ones; the deleted are left behind."""
    if table != "users":
        return table, row
    if row["deleted_at"] is not None:
        return None
    return "users", {
        "id": row["id"],
        "email": row["email"].lower(),
        "password_hash": row["encrypted_password"],
        "display_name": row["raw_user_meta_data"]["name"],
        "is_verified": row["email_confirmed_at"] is not None,
        "created_at": row["created_at"],
    }


@pytest.fixture
async def accounts(second_database: str, tmp_path: Path) -> Path:
    """Lend an export of auth.users, read with auth as the search path."""
    plain = await PostgresStore.open(second_database)
    await run(plain, _AUTH)
    await plain.close()
    glue = "&" if "?" in second_database else "?"
    store = await PostgresStore.open(f"{second_database}{glue}options=-csearch_path%3Dauth")
    try:
        await export(store, tmp_path / "out")
    finally:
        await store.close()
    return tmp_path / "out"


async def test_auth_users_become_users(accounts: Path, target: PostgresStore) -> None:
    """Columns are renamed, computed and left out, rows dropped; the rest arrives exactly."""
    await run(target, _USERS)
    report = await load(accounts, target, transform=to_users, chunk_rows=100)
    assert [(t.table, t.rows, t.written, t.targets) for t in report.tables] == [("users", 1000, 990, ("users",))]
    assert report.problems == ()
    found = await ask(target, "select count(*), count(*) filter (where is_verified) as verified from users")
    assert found == [{"count": 990, "verified": 490}]
    row = (await ask(target, "select * from users where email = 'user2@example.org'"))[0]
    assert (row["password_hash"], row["display_name"], row["is_verified"]) == ("$2a$10$2", "имя 2", True)


async def test_transformed_load_continues(accounts: Path, target: PostgresStore) -> None:
    """A break in the middle costs no row and doubles none."""
    await run(target, _USERS)

    class StopError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.rows == 500:
            raise StopError

    with pytest.raises(StopError):
        await load(accounts, target, transform=to_users, chunk_rows=100, on_progress=stop)
    report = await load(accounts, target, transform=to_users, chunk_rows=100)
    assert [(t.resumed_at, t.written) for t in report.tables] == [(500, 990)]
    assert await ask(target, "select count(*) from users") == [{"count": 990}]


async def test_transform_may_spread_rows_over_tables_and_reencrypt_them(accounts: Path, target: PostgresStore) -> None:
    """One exported table into two, values changed by any Python."""
    await run(
        target,
        "create table staff (id uuid primary key, secret bytea not null);"
        "create table customers (id uuid primary key, secret bytea not null)",
    )

    def spread(table: str, row: Row) -> tuple[str, Row]:
        secret = sha256(row["encrypted_password"].encode()).digest()
        return ("staff" if str(row["id"]).endswith("0") else "customers"), {"id": row["id"], "secret": secret}

    report = await load(accounts, target, transform=spread, chunk_rows=64)
    assert report.tables[0].targets == ("customers", "staff")
    counts = "select (select count(*) from staff) as staff, (select count(*) from customers) as customers"
    assert await ask(target, counts) == [{"staff": 100, "customers": 900}]
    stored = await ask(target, "select secret from staff where id = '00000000-0000-0000-0000-000000000010'")
    assert stored == [{"secret": sha256(b"$2a$10$10").digest()}]


async def test_transform_into_a_table_that_nobody_knows_is_refused(accounts: Path, target: PostgresStore) -> None:
    """The table is named, and what to do."""
    with pytest.raises(TransferError, match="the target has no table usres"):
        await load(accounts, target, transform=lambda _, row: ("usres", row))


async def test_transform_with_a_column_or_value_that_does_not_fit_is_refused(
    accounts: Path, target: PostgresStore
) -> None:
    """Column and row are named, the value is not."""
    await run(target, _USERS)
    with pytest.raises(TransferError, match=r"users has no column emial \(row 1 of the exported users\)"):
        await load(accounts, target, transform=lambda t, row: (t, {"id": row["id"], "emial": "x"}))
    with pytest.raises(TransferError, match=r"users\.is_verified is a str, and the target column is boolean \(row 1"):
        await load(accounts, target, transform=lambda t, row: (t, {"id": row["id"], "is_verified": row["email"]}))


async def test_transform_does_not_overwrite_other_rows(accounts: Path, target: PostgresStore) -> None:
    """Rows that were there before the load are refused, as without a transform."""
    await run(target, _USERS + "; insert into users values (gen_random_uuid(), 'mine', 'x', 'x', true)")
    with pytest.raises(TransferError, match="already holds rows in users"):
        await load(accounts, target, transform=to_users)
    await load(accounts, target, transform=to_users, upsert=True)
    assert await ask(target, "select count(*) from users") == [{"count": 991}]


async def test_transform_makes_the_tables_it_keeps(accounts: Path, target: PostgresStore) -> None:
    """A table that the export knows is made when the first row goes there."""
    report = await load(accounts, target, transform=lambda t, row: (t, dict(row)))
    assert report.rows == 1000
    assert (await target.catalog(refresh=True)).tables["users"].primary_key == ("id",)


def test_load_command_takes_a_transform(
    accounts: Path,
    datalayer_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The function comes from a module beside the caller; a wrong name is said before anything is opened."""
    (tmp_path / "my_transforms.py").write_text("def nobody(table, row):\n    return None\n")
    monkeypatch.chdir(tmp_path)
    arguments = ["load", str(accounts), "--target", datalayer_database]
    assert run_command([*arguments, "--transform", "my_transforms:somebody"]) == 2
    assert "has no function somebody" in capsys.readouterr().err
    assert run_command([*arguments, "--transform", "my_transforms:nobody"]) == 0
    assert "1 table, 0 rows loaded" in capsys.readouterr().out


async def test_rows_that_a_transform_leaves_out_are_counted(accounts: Path, target: PostgresStore) -> None:
    """Also where it leaves out all of them: a load that writes nothing says so, and again when it is repeated."""
    await run(target, _USERS)
    report = await load(accounts, target, transform=to_users)
    assert "users: the transform left out 10 of 1,000 rows" in report.notes
    await run(target, "truncate users; drop table datalayer_loads")
    for _ in range(2):
        report = await load(accounts, target, transform=_nothing)
        assert "users: the transform left out 1,000 of 1,000 rows" in report.notes


def _nothing(table: str, row: Row) -> None:
    """Leave everything out."""


_FAMILY = """
    create table parents (id integer primary key);
    create table children (id integer primary key, parent integer references parents);
    insert into parents select n from generate_series(1, 3) n;
    insert into children select n, n % 3 + 1 from generate_series(1, 9) n
"""


def _without_the_first(table: str, row: Row) -> tuple[str, Row] | None:
    """Leave out a row that others refer to."""
    return None if (table, row["id"]) == ("parents", 1) else (table, row)


@pytest.fixture
async def family(origin: PostgresStore, tmp_path: Path) -> Path:
    """Lend an export of two tables, one of which refers to the other."""
    await run(origin, _FAMILY)
    await export(origin, tmp_path / "family")
    return tmp_path / "family"


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
async def test_referred_row_that_a_transform_leaves_out_is_a_problem(
    family: Path, target: PostgresStore, tmp_path: Path, kind: str
) -> None:
    """The rows are loaded, broken references are counted once, in a load's words; mended, the same load ends well."""
    store = target if kind == "postgres" else await SqliteStore.open(tmp_path / "family.sqlite")
    try:
        report = await load(family, store, transform=_without_the_first)
        assert report.rows == 11
        (problem,) = report.problems
        assert problem == (
            "3 rows of children (parent) refer to rows that parents lacks, first at id=3; id=6; id=9;"
            " mend them, then run the load again"
        )
        if isinstance(store, SqliteStore):
            await store.run(lambda connection: connection.execute("insert into parents values (1)").close())
        else:
            await run(store, "insert into parents values (1)")
        again = await load(family, store, transform=_without_the_first)
        assert again.problems == ()
        tables = (await store.catalog(refresh=True)).tables
        assert [key.target_table for key in tables["children"].foreign_keys] == ["parents"]
    finally:
        if store is not target:
            await store.close()


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
async def test_two_broken_references_to_one_table_are_told_apart(
    origin: PostgresStore, target: PostgresStore, tmp_path: Path, kind: str
) -> None:
    """Each has its own count and its own first rows."""
    await run(
        origin,
        "create table parents (id integer primary key); insert into parents values (1), (2);"
        "create table children (id integer primary key, father integer references parents,"
        " mother integer references parents); insert into children values (3, 1, 2), (4, 2, 1), (5, 2, 1)",
    )
    await export(origin, tmp_path / "out")
    store = target if kind == "postgres" else await SqliteStore.open(tmp_path / "family.sqlite")
    try:
        report = await load(tmp_path / "out", store, transform=_without_the_first)
    finally:
        if store is not target:
            await store.close()
    mend = "mend them, then run the load again"
    father = "1 row of children (father) refers to rows that parents lacks"
    mother = "2 rows of children (mother) refer to rows that parents lacks"
    assert sorted(report.problems) == [f"{father}, first at id=3; {mend}", f"{mother}, first at id=4; id=5; {mend}"]


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("check (id <> 7)", "a CHECK constraint is violated; constraint children_id_check"),
        ("unique (parent, id)", None),
        ("check (parent is not null or id <> 7)", "a CHECK constraint is violated"),
    ],
)
async def test_row_of_a_transform_that_breaks_a_rule_is_located(
    family: Path, target: PostgresStore, filled: bool, rule: str, said: str | None
) -> None:
    """By file and line, whether rows are there already or not."""
    await run(target, f"create table children (id integer primary key, parent integer, {rule})")
    if filled:
        await run(target, "insert into children values (99, 1)")

    def change(table: str, row: Row) -> tuple[str, Row] | None:
        if table == "parents" or row["id"] == 2:
            return None
        return table, {"id": row["id"], "parent": None if row["id"] == 7 else row["parent"]}

    if said is None:
        assert (await load(family, target, tables=["children"], transform=change, upsert=True)).rows == 8
        return
    with pytest.raises(TransferError, match=rf"{said}.*; at children\.ndjson\.gz, line 7"):
        await load(family, target, tables=["children"], transform=change, upsert=True)


async def test_row_of_a_transform_that_sqlite_refuses_is_located(family: Path, tmp_path: Path) -> None:
    """SQLite does not say which row it was; the line is told."""
    file = await SqliteStore.open(tmp_path / "children.sqlite")
    try:
        create = "create table children (id integer primary key, parent integer check (parent <> 3 or id < 3))"
        await file.run(lambda connection: connection.execute(create).close())
        with pytest.raises(TransferError, match=r"children refuses a row: .*; at children\.ndjson\.gz, line 5"):
            await load(family, file, tables=["children"], transform=lambda t, row: None if row["id"] == 1 else (t, row))
    finally:
        await file.close()


async def test_rows_of_others_that_a_transform_comes_upon_late_are_told_with_what_is_kept(
    family: Path, target: PostgresStore
) -> None:
    """The first table is loaded by then: neither is nothing loaded, nor does the same command go on."""
    await run(target, "create table children (id integer primary key, parent integer)")
    await run(target, "insert into children values (99, 1)")
    with pytest.raises(
        TransferError, match=r"^the target already holds rows in children; .* 3 rows in 1 table are kept$"
    ):
        await load(family, target, transform=lambda table, row: (table, row))
