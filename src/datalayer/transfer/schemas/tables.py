"""One table on both sides beyond its columns: keys, references, checks, indexes, triggers; and a table missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.ddl import postgres, sqlite
from datalayer.transfer.ddl.own_types import described
from datalayer.transfer.schemas.details import Rule, TableDetails
from datalayer.transfer.schemas.reports import SchemaDifference, Weight


def missing_table(
    source: Table, details: TableDetails, stores: tuple[StoreName, StoreName], unknown: set[str]
) -> Iterator[SchemaDifference]:
    """Yield what happens to a table that the target lacks.

    Args:
        unknown: types that the target does not have.
    """
    if stores[1] == "supabase":
        yield SchemaDifference(
            Weight.BLOCKS, source.name, "", "is missing from the target, and REST cannot make tables"
        )
        return
    yield SchemaDifference(Weight.HARMLESS, source.name, "", "is missing from the target: copy and load make it")
    for own in source.types if stores[1] == "postgres" else ():
        if own.name in unknown:
            what = "is missing from the target: copy and load make it"
            yield SchemaDifference(Weight.HARMLESS, source.name, described(own), what)
    lost = [c for c in source.columns if c.type.declared in unknown and source.own_type(c.type.declared) is None]
    for column in lost:
        what = f"is of the type {column.type.declared}, which the target does not have: create it there"
        yield SchemaDifference(Weight.BLOCKS, source.name, f"column {column.name}", what)
    for name in postgres.long_names(source) if stores[1] == "postgres" else ():
        yield SchemaDifference(Weight.BLOCKS, source.name, f"name {name}", "is longer than PostgreSQL keeps")
    made = (
        postgres.create_table(source, stores[0])
        if stores[1] == "postgres"
        else sqlite.create_table(source, (), stores[0])
    )
    for note in made[1]:
        yield SchemaDifference(Weight.LOSES, source.name, "", note.removeprefix(f"{source.name}."))
    for word, rules in (("check", details.checks), ("index", details.indexes), ("trigger", details.triggers)):
        for rule in rules:
            what = f"{' '.join(rule.text.split())}: is not made by copy and load"
            yield SchemaDifference(Weight.LOSES, source.name, _subject(word, rule), what)


def compare_keys(source: Table, target: Table) -> Iterator[SchemaDifference]:
    """Yield differences of the primary key, of unique keys and of foreign keys, where both sides tell them."""
    if source.primary_key != target.primary_key:
        yield SchemaDifference(*_primary_key(source, target))
    if source.keys_known and target.keys_known:
        for columns in _keys(source):
            if not target.has_key(columns) and set(columns) != set(source.primary_key):
                yield SchemaDifference(
                    Weight.LOSES, source.name, _listed("unique", columns), "is missing from the target"
                )
        for columns in _keys(target):
            if not source.has_key(columns) and set(columns) != set(target.primary_key):
                what = "is only in the target: two rows that have the same stop the move"
                yield SchemaDifference(Weight.BLOCKS, source.name, _listed("unique", columns), what)
    yield from _references(source, target)


def compare_details(
    table: str, source: TableDetails, target: TableDetails, *, alike: bool
) -> tuple[list[SchemaDifference], list[str]]:
    """Return differences of checks, indexes and triggers, and notes on what has to be compared by eye.

    Args:
        alike: both sides are the same kind of store, so that equal rules are spelt alike.
    """
    differences, notes = [], []
    mine, theirs = _unmatched(source.checks, target.checks)
    if mine and theirs and not alike:
        notes.append(
            f"{table}: checks are spelt differently, compare by eye: source {_texts(mine)}; target {_texts(theirs)}"
        )
    else:
        differences += _rules(table, "check", mine, Weight.LOSES, "is missing from the target")
        differences += _rules(
            table, "check", theirs, Weight.BLOCKS, "is only in the target: a row it refuses stops the move"
        )
    mine, theirs = _unmatched(source.indexes, target.indexes)
    differences += _rules(table, "index", mine, Weight.LOSES, "is missing from the target")
    for rule in theirs:
        weight = Weight.BLOCKS if rule.unique else Weight.HARMLESS
        differences += _rules(table, "index", [rule], weight, "is only in the target")
    names = ({rule.name for rule in source.triggers}, {rule.name for rule in target.triggers})
    differences += _rules(
        table,
        "trigger",
        [r for r in source.triggers if r.name not in names[1]],
        Weight.LOSES,
        "is missing from the target",
    )
    differences += _rules(
        table,
        "trigger",
        [r for r in target.triggers if r.name not in names[0]],
        Weight.HARMLESS,
        "is only in the target, and does not fire for rows that are moved",
    )
    return differences, notes


def _primary_key(source: Table, target: Table) -> tuple[Weight, str, str, str]:
    mine, theirs = ", ".join(source.primary_key), ", ".join(target.primary_key)
    if not theirs:
        return Weight.LOSES, source.name, "primary key", f"({mine}) is missing from the target"
    if source.has_key(target.primary_key):
        what = f"is ({theirs}) in the target and ({mine or 'none'}) in the source, where it is unique too"
        return Weight.HARMLESS, source.name, "primary key", what
    what = f"is ({theirs}) in the target and ({mine or 'none'}) in the source: two rows with the same stop it"
    return Weight.BLOCKS, source.name, "primary key", what


def _keys(table: Table) -> list[tuple[str, ...]]:
    return sorted({unique.columns for unique in table.uniques})


def _references(source: Table, target: Table) -> Iterator[SchemaDifference]:
    mine, theirs = _by_columns(source.foreign_keys), _by_columns(target.foreign_keys)
    for place, key in mine.items():
        other = theirs.get(place)
        subject = _listed("reference", key.columns)
        if other is None:
            what = f"to {key.target_table} is missing from the target"
            yield SchemaDifference(Weight.LOSES, source.name, subject, what)
        elif source.keys_known and target.keys_known and _told(other, key) != _told(key, other):
            what = f"is {_told(key, other)} in the source and {_told(other, key)} in the target"
            yield SchemaDifference(Weight.LOSES, source.name, subject, what)
    for place, key in theirs.items():
        if place not in mine:
            what = f"to {key.target_table} is only in the target: a row that refers to nothing stops the move"
            yield SchemaDifference(Weight.BLOCKS, source.name, _listed("reference", key.columns), what)


def _told(key: ForeignKey, other: ForeignKey) -> str:
    """Return a reference's rules, but for those that the other side's store cannot tell."""
    return (key if other.deferrable is not None else replace(key, match_full=False, deferrable=None)).rules


def _by_columns(keys: Iterable[ForeignKey]) -> dict[tuple[tuple[str, ...], str], ForeignKey]:
    return {(key.columns, key.target_table): key for key in keys}


def _unmatched(source: Sequence[Rule], target: Sequence[Rule]) -> tuple[list[Rule], list[Rule]]:
    mine, theirs = {rule.meaning for rule in source}, {rule.meaning for rule in target}
    return [r for r in source if r.meaning not in theirs], [r for r in target if r.meaning not in mine]


def _rules(table: str, word: str, rules: Iterable[Rule], weight: Weight, what: str) -> list[SchemaDifference]:
    return [SchemaDifference(weight, table, _subject(word, rule), f"{rule.text}: {what}") for rule in rules]


def _subject(word: str, rule: Rule) -> str:
    return f"{word} {rule.name}".strip()


def _listed(word: str, columns: Sequence[str]) -> str:
    return f"{word} ({', '.join(columns)})"


def _texts(rules: Iterable[Rule]) -> str:
    return ", ".join(f"({rule.text})" for rule in rules)
