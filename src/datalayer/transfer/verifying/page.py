"""One self-contained page about a comparison, for an owner to keep: no row values, no passwords, no scripts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from typing import Final

from datalayer.transfer.reports import Check, RepairReport, VerifiedTable, VerifyReport, broken_by
from datalayer.urls import place
from datalayer.wording import agreed, counted

_STYLE: Final = """
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --ink: #1c2330; --soft: #667085; --line: #e4e7ec;
  --good: #067647; --good-back: #e7f6ee; --bad: #b42318; --bad-back: #fdecea; }
@media (prefers-color-scheme: dark) { :root { --back: #0f1218; --card: #181d26; --ink: #e6e9ef; --soft: #98a2b3;
  --line: #2b3240; --good: #6ce9a6; --good-back: #0f2a1e; --bad: #fda29b; --bad-back: #33161a; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.5rem 1rem; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 64rem; margin: 0 auto; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
.verdict { border-radius: 12px; padding: 1.25rem 1.5rem; margin: 0 0 1.5rem; border: 1px solid transparent; }
.verdict.good { background: var(--good-back); color: var(--good); border-color: var(--good); }
.verdict.bad { background: var(--bad-back); color: var(--bad); border-color: var(--bad); }
.verdict p { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.25rem;
  overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .5rem .75rem .5rem 0; }
th { color: var(--soft); font-weight: 500; font-size: .85rem; } tr + tr td, thead + tbody td { border-top: 1px solid
  var(--line); } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere; }
.good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
ul { margin: .25rem 0; padding-left: 1.2rem; }
@media print { body { background: none; padding: 0; } .card { break-inside: avoid; } }
"""


def page(report: VerifyReport, *, source: str, target: str, repaired: RepairReport | None = None) -> str:
    """Return the page as HTML.

    Args:
        source: the URL of the source; user, password and parameters are left out.
        target: the URL of the target, likewise.
        repaired: what was repaired before this comparison.
    """
    started = report.started or datetime.now(UTC)
    sections = [
        f'<div class="verdict {"good" if report.proven else "bad"}">',
        f"<h1>{_verdict(report)}</h1><p>{_summary(report)}</p></div>",
        '<div class="card"><dl>',
        _fact("Source", place(source)),
        _fact("Target", place(target)),
        _fact("Compared", f"{started:%Y-%m-%d %H:%M:%S} UTC, in {report.seconds:.1f} s"),
        _fact("By", f"datalayer {version('datalayer')}"),
        "</dl></div>",
        *_repairs(repaired),
        "<h2>Tables</h2>",
        _tables(report.tables),
        *_differences(report.tables),
        *_checks(report.checks),
        *_notes(report.notes),
        "<h2>What this proves</h2>",
        f'<div class="card soft">{_STRENGTH}</div>',
    ]
    title = f"Comparison of {started:%Y-%m-%d}: {_verdict(report)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


_STRENGTH: Final = (
    "Every row of every table was hashed on both sides and the hashes of each segment were added up. Lost, added,"
    " doubled and changed rows are detected, down to one character. Checksums computed <em>inside both servers</em> are"
    " 64 bits wide, all others 128; <em>canonical</em> ones are the same on all stores."
    " Not compared: indexes, triggers, sequences, and what changed after the moment above."
)


def _verdict(report: VerifyReport) -> str:
    if report.proven:
        return "Every row matches"
    return "The rows differ" if not report.equal else "The rows match, but rules are broken"


def _summary(report: VerifyReport) -> str:
    rows = sum(table.source_rows or 0 for table in report.tables)
    unequal = sum(not table.equal for table in report.tables)
    said = f"{counted(len(report.tables), 'table')}, {counted(rows, 'row')} in the source"
    if unequal:
        said += f"; {unequal:,} of them {agreed(unequal, 'differs', 'differ')}"
    if report.checks:
        said += f"; {counted(len(report.checks), 'rule')} of the target, {len(report.violated)} broken"
    return f"{said}."


def _fact(name: str, value: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"


def _table(headings: Iterable[tuple[str, str]], rows: Iterable[Iterable[tuple[str, str]]]) -> str:
    head = "".join(f'<th class="{style}">{escape(text)}</th>' for text, style in headings)
    body = "".join("<tr>" + "".join(f'<td class="{s}">{text}</td>' for text, s in row) + "</tr>" for row in rows)
    return f'<div class="card"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _tables(tables: Iterable[VerifiedTable]) -> str:
    headings = [("Table", ""), ("Source rows", "number"), ("Target rows", "number"), ("Matching", "number")]
    rows = []
    for table in tables:
        checksum = table.source_checksum if table.equal else None
        rows.append(
            [
                (escape(table.table), ""),
                (_count(table.source_rows), "number"),
                (_count(table.target_rows), "number"),
                (_count(table.matching_rows), "number"),
                ("equal", "good") if table.equal else ("different", "bad"),
                (f"<code>{checksum}</code>" if checksum else "", "soft"),
                (escape(table.method), "soft"),
            ]
        )
    return _table([*headings, ("", ""), ("Checksum", ""), ("Computed", "")], rows)


def _count(rows: int | None) -> str:
    return "–" if rows is None else f"{rows:,}"


def _differences(tables: Iterable[VerifiedTable]) -> list[str]:
    rows = []
    for table in tables:
        rows += [[(escape(table.table), ""), (escape(str(each)), "")] for each in table.differences]
        unnamed = table.differing.rows - len(table.differences)
        if table.differences and unnamed > 0:
            rows.append([(escape(table.table), ""), (f"and {unnamed:,} more", "soft")])
    return ["<h2>Differences</h2>", _table([("Table", ""), ("What", "")], rows)] if rows else []


def _checks(checks: Iterable[Check]) -> list[str]:
    rows = [
        [
            (escape(check.kind), ""),
            (escape(f"{check.table}.{check.name}" if check.table else check.name), ""),
            _outcome(check),
        ]
        for check in checks
    ]
    return ["<h2>Rules of the target</h2>", _table([("Kind", ""), ("Rule", ""), ("", "")], rows)] if rows else []


def _outcome(check: Check) -> tuple[str, str]:
    if check.violations is None:
        return f"not checked: {escape(check.reason or '')}", "soft"
    return (broken_by(check.violations), "bad") if check.violations else ("kept", "good")


def _repairs(repaired: RepairReport | None) -> list[str]:
    if repaired is None:
        return []
    headings = [("Table", ""), ("Rows written", "number"), ("Rows deleted", "number")]
    rows = [
        [(escape(t.table), ""), (f"{t.upserted:,}", "number"), (f"{t.deleted:,}", "number")] for t in repaired.tables
    ]
    return ["<h2>Repaired before this comparison</h2>", _table(headings, rows), *_notes(repaired.notes)]


def _notes(notes: Iterable[str]) -> list[str]:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return [f'<h2>Notes</h2><div class="card"><ul>{items}</ul></div>'] if items else []
