"""Dates and times: microseconds kept, zones brought to UTC, naive ones left alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from tests.integration.behaviour.asking import exactly, put, read, round_trip

from datalayer.errors import InvalidValueError, UnfitValueError
from datalayer.query import Insert, Update, Upsert, col
from datalayer.stores.contract import Store

NAIVE = [
    datetime.fromisoformat(text)
    for text in (
        "0001-01-01T00:00:00",
        "1969-12-31T23:59:59.999999",
        "2024-02-29T12:30:15.000001",
        "2024-03-31T02:30:00",
        "2024-06-01T10:00:00.1",
        "9999-12-31T23:59:59.999999",
    )
]
AWARE = [
    datetime.fromisoformat(text)
    for text in (
        "1900-01-01T00:00:00+00:00",
        "1969-12-31T23:59:59.999999+00:00",
        "2024-02-29T12:30:15.000001+03:00",
        "2024-06-01T10:00:00.100000-09:30",
        "2024-06-01T10:00:00+05:45",
        "9999-12-31T23:59:59.999999+00:00",
    )
]


async def test_timestamps_without_zone_come_back_as_written(store: Store) -> None:
    """No session's time zone moves them, no microsecond is lost, none gets a zone."""
    found = await round_trip(store, "moment", NAIVE)
    assert exactly(found, NAIVE)
    assert all(value.tzinfo is None for value in found)


async def test_timestamps_with_zone_come_back_in_utc(store: Store) -> None:
    """The instant is kept to the microsecond; the answer is aware and in UTC."""
    found = await round_trip(store, "instant", AWARE)
    assert found == AWARE
    assert all(value.tzinfo is not None and value.utcoffset() == timedelta(0) for value in found)
    assert [value.microsecond for value in found] == [value.microsecond for value in AWARE]


async def test_instants_sort_by_instant_and_not_by_spelling(store: Store) -> None:
    """Zones do not disturb comparisons of what was written in different ones."""
    early = datetime(2024, 1, 1, 23, 0, tzinfo=timezone(timedelta(hours=14)))
    late = datetime(2024, 1, 1, 10, 0, tzinfo=timezone(timedelta(hours=-10)))
    await put(store, "things", {"label": "late", "instant": late}, {"label": "early", "instant": early})
    between = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
    assert [row["label"] for row in await read(store, "things", col("instant").gt(between))] == ["late"]
    assert [row["label"] for row in await read(store, "things", col("instant").lt(between))] == ["early"]


async def test_dates_and_times_of_day_survive(store: Store) -> None:
    """Dates from year 1 to 9999 and times to the microsecond."""
    days = [date(1, 1, 1), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
    clocks = [time(0, 0), time(9, 5), time(12, 30, 15, 1), time(23, 59, 59, 999999)]
    assert exactly(await round_trip(store, "day", days), days)
    assert exactly(await round_trip(store, "clock", clocks), clocks)


async def test_update_writes_times_like_insert(store: Store) -> None:
    """An update keeps the same microseconds and zones."""
    await put(store, "things", {"id": 1})
    await store.update(Update("things", {"moment": NAIVE[2], "instant": AWARE[2]}, col("id").eq(1)))
    [row] = await read(store, "things")
    assert (row["moment"], row["instant"]) == (NAIVE[2], AWARE[2])


async def test_default_of_now_is_the_present_moment(store: Store) -> None:
    """A server default of now() is a naive timestamp of this minute, near the client's clock in UTC."""
    [row] = await put(store, "things", {"label": "x"})
    assert abs(row["created"] - datetime.now(UTC).replace(tzinfo=None)) < timedelta(hours=15)


@pytest.mark.parametrize("column", ["day", "clock", "moment", "instant", "token"])
async def test_malformed_text_for_a_typed_column_is_refused(store: Store, column: str) -> None:
    """A text that is no date, time or uuid is refused, without quoting it."""
    with pytest.raises((UnfitValueError, InvalidValueError)) as caught:
        await put(store, "things", {column: "n0t-a-value"})
    assert "n0t-a-value" not in str(caught.value)


MOSCOW = datetime.fromisoformat("2024-05-01T15:00:00.000001+03:00")
IN_UTC = datetime.fromisoformat("2024-05-01T12:00:00.000001")


async def test_aware_time_for_a_column_without_zone_is_kept_in_utc(store: Store) -> None:
    """However it is written and asked for, an aware datetime means the same clock reading: the one in UTC."""
    await put(store, "things", {"id": 1, "moment": MOSCOW})
    await put(store, "things", {"id": 2, "moment": MOSCOW}, {"id": 3, "moment": MOSCOW})
    await put(store, "things", {"id": 4})
    await store.update(Update("things", {"moment": MOSCOW}, col("id").eq(4)))
    await store.upsert(Upsert("things", [{"id": 5, "moment": MOSCOW}], ("id",)))
    await store.upsert(Upsert("things", [{"id": 6, "moment": MOSCOW}, {"id": 7, "moment": MOSCOW}], ("id",)))
    assert [row["moment"] for row in await read(store, "things")] == [IN_UTC] * 7
    assert len(await read(store, "things", col("moment").eq(MOSCOW))) == 7
    assert len(await read(store, "things", col("moment").in_([MOSCOW]))) == 7
    assert await read(store, "things", col("moment").gt(MOSCOW)) == []


async def test_text_with_a_zone_for_a_column_without_one_is_kept_in_utc(store: Store) -> None:
    """A text means what the datetime means that it spells, in rows and in filters."""
    text = MOSCOW.isoformat()
    await put(store, "things", {"id": 1, "moment": text})
    await put(store, "things", {"id": 2, "moment": text}, {"id": 3, "moment": text})
    assert [row["moment"] for row in await read(store, "things")] == [IN_UTC] * 3
    assert len(await read(store, "things", col("moment").eq(text))) == 3
    assert len(await read(store, "things", col("moment").in_([text]))) == 3


async def test_naive_time_for_a_column_with_zone_is_taken_as_utc(store: Store) -> None:
    """Without a zone UTC is meant, whatever the time zone of client and server."""
    await put(store, "things", {"id": 1, "instant": IN_UTC})
    await put(store, "things", {"id": 2, "instant": IN_UTC}, {"id": 3, "instant": IN_UTC})
    await store.update(Update("things", {"instant": IN_UTC}, col("id").eq(3)))
    assert [row["instant"] for row in await read(store, "things")] == [MOSCOW] * 3
    assert len(await read(store, "things", col("instant").eq(IN_UTC))) == 3
    assert len(await read(store, "things", col("instant").in_([IN_UTC]))) == 3


@pytest.mark.parametrize("rows", [1, 2])
async def test_moment_for_a_date_column_is_refused(store: Store, rows: int) -> None:
    """Cutting the time off would be a silent conversion; one row and many alike."""
    moment = datetime.fromisoformat("2026-01-02T12:00:00")
    given = [{"day": moment} for _ in range(rows)]
    with pytest.raises(UnfitValueError):
        await store.insert(Insert("things", given))


@pytest.mark.parametrize("rows", [1, 2])
async def test_time_that_utc_has_no_year_for_is_refused(store: Store, rows: int) -> None:
    """The first hour of year 1 in a zone east of Greenwich; one row and many alike, and in a filter."""
    first_hour = datetime.fromisoformat("0001-01-01T00:00:00+03:00")
    for given in (first_hour, first_hour.isoformat()):
        with pytest.raises(UnfitValueError):
            await store.insert(Insert("things", [{"moment": given} for _ in range(rows)]))
        with pytest.raises(UnfitValueError):
            await read(store, "things", col("moment").eq(given))
