"""A batch is cut into steps after each of which foreign keys hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datalayer.outbox.applying.order import by_table, parents_first, plan
from datalayer.outbox.entries import Change
from datalayer.stores.catalog import Catalog, Column, ColumnType, ForeignKey, Kind, Table

_INTEGER = ColumnType(Kind.INTEGER, "integer")


def table(name: str, **references: str) -> Table:
    """Make a table with an id, and a column for each reference, which may be NULL."""
    columns = (
        Column("id", _INTEGER, nullable=False),
        *(Column(c, _INTEGER) for c in references),
        Column("made", _INTEGER, generated=True),
    )
    keys = tuple(ForeignKey(f"{name}_{c}_fkey", (c,), target, ("id",)) for c, target in references.items())
    return Table(name, columns, ("id",), foreign_keys=keys)


def catalog(*tables: Table) -> Catalog:
    """Make a catalog of these tables."""
    return Catalog({found.name: found for found in tables})


_SHOP = catalog(table("orders", customer="customers"), table("customers"), table("lines", order="orders"))
_CIRCLE = catalog(table("hens", egg="eggs"), table("eggs", hen="hens"))


def change(name: str, key: int, **values: int | None) -> Change:
    """Make a change to a row with these values; without any the row is gone."""
    return Change(name, (key,), 1, {"id": key, **values} if values else None)


@given(st.permutations(["orders", "customers", "lines"]))
def test_parents_come_first_whatever_the_order_given(names: list[str]) -> None:
    """Only the references count."""
    assert parents_first(_SHOP, names) == ["customers", "orders", "lines"]


def test_parents_come_first_over_a_table_that_is_not_written() -> None:
    """A grandparent and a grandchild are in order though the table between them is absent."""
    assert parents_first(_SHOP, ["lines", "customers"]) == ["customers", "lines"]


def test_deletes_go_before_upserts_children_before_parents() -> None:
    """Nothing refers to a row when it goes, and what a row refers to is there when it comes."""
    changes = [
        change("customers", 1),
        change("customers", 2, made=4),
        change("lines", 1),
        change("lines", 2, order=2),
        change("orders", 1),
        change("orders", 2, customer=2),
    ]
    steps = plan(_SHOP, by_table(changes))
    assert [(step.kind, step.table.name) for step in steps] == [
        *(("delete", name) for name in ("lines", "orders", "customers")),
        *(("upsert", name) for name in ("customers", "orders", "lines")),
    ]
    assert steps[3].rows == [{"id": 2}]


def test_circle_is_written_twice_and_cleared_before_it_goes() -> None:
    """The reference that has to wait is NULL for a moment."""
    coming = plan(_CIRCLE, by_table([change("hens", 1, egg=1), change("eggs", 1, hen=1)]))
    assert [(step.kind, step.table.name, step.rows) for step in coming] == [
        ("upsert", "hens", [{"id": 1, "egg": None}]),
        ("upsert", "eggs", [{"id": 1, "hen": 1}]),
        ("upsert", "hens", [{"id": 1, "egg": 1}]),
    ]
    going = plan(_CIRCLE, by_table([change("hens", 1), change("eggs", 1)]))
    assert [(step.kind, step.table.name, step.columns) for step in going] == [
        ("clear", "hens", ("egg",)),
        ("delete", "eggs", ()),
        ("delete", "hens", ()),
    ]
    once = plan(_CIRCLE, by_table([change("hens", 1, egg=1), change("eggs", 1, hen=1)]), circles=False)
    assert [step.table.name for step in once] == ["hens", "eggs"]


@given(st.permutations([1, 2, 3, 4]), st.lists(st.sampled_from([None, 1, 2, 3, 4]), min_size=4, max_size=4))
def test_rows_of_a_table_that_refers_to_itself_come_after_their_parents(
    keys: list[int], bosses: list[int | None]
) -> None:
    """Every row is written once, and after the row it refers to unless the two are in a circle."""
    staff = catalog(table("staff", boss="staff"))
    boss_of = dict(zip((1, 2, 3, 4), bosses, strict=True))
    (step,) = plan(staff, by_table([change("staff", key, boss=boss_of[key]) for key in keys]))
    written = [row["id"] for row in step.rows]
    assert sorted(written) == [1, 2, 3, 4]
    for key in written:
        above, seen = boss_of[key], {key}
        while above is not None and above not in seen:
            seen.add(above)
            above = boss_of[above]
        if above is None and boss_of[key] is not None:
            assert written.index(boss_of[key]) < written.index(key)
