"""Moves that are cut off in the middle: connections ended by the server, Ctrl-C, SIGTERM; what is said and kept."""

from __future__ import annotations

import re
import signal

import pytest
from tests.integration.transfer.commands import asked, do, end, finished, going_on, start, until

from datalayer.cli.errors import ExitCode

_ROWS = 20_000
_FILL = f"""
    create table big (id int primary key, word text);
    insert into big select n, md5(n::text) from generate_series(1, {_ROWS}) n;
    analyze big
"""
_COUNT = "select count(*) from big"
_PARTS = "select count(*) from datalayer_copy_progress where part > 0"
_OURS = "from pg_stat_activity where application_name = 'datalayer' and datname = current_database()"
_CUT = f"select pg_terminate_backend(pid) {_OURS}"
#: Only the connection that keeps other copies out, or the one that holds the snapshot: it waits inside a transaction.
_CUT_IDLE = f"{_CUT} and state = 'idle in transaction'"


@pytest.mark.parametrize("which", [_CUT, _CUT_IDLE], ids=["all", "idle"])
@pytest.mark.parametrize("side", ["source", "target"])
async def test_copy_whose_connections_are_ended_says_on_which_side(
    side: str, which: str, second_database: str, datalayer_database: str
) -> None:
    """It ends with 4, one line of what happened and is kept, and one that goes on; nothing of the driver's own."""
    do(second_database, _FILL)
    arguments = ["copy", "--source", second_database, "--target", datalayer_database]
    # The slower, the sooner a part is written; one whose idle connection is cut may go on to its end.
    rate = "3000" if which == _CUT_IDLE and side == "target" else "800"
    process = await start([*arguments, "--max-rate", rate])
    await until(lambda: asked(datalayer_database, _PARTS) > 0)
    do(second_database if side == "source" else datalayer_database, which)
    code, lines = await end(process)
    if which == _CUT_IDLE and side == "target" and code == 0:
        assert asked(datalayer_database, _COUNT) == _ROWS  # the copy itself was not cut
        return
    assert code == ExitCode.UNAVAILABLE, lines
    said, line = (line for line in lines if not line.startswith("copying "))
    assert said.startswith(f"error: {side}: postgres ")
    assert re.search(r"[\d,]+ rows in 1 table are kept; the same command again goes on from there", said)
    assert line == going_on([*arguments, "--max-rate", rate])
    assert asked(datalayer_database, _COUNT) > 0
    assert await finished(arguments) == ExitCode.OK
    assert await finished(["verify", *arguments[1:]]) == ExitCode.OK


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_copy_that_is_told_to_stop_says_what_is_kept(
    how: signal.Signals, code: int, second_database: str, datalayer_database: str
) -> None:
    """Parts are small enough that a slow copy keeps what it has said; the same command goes on behind them."""
    do(second_database, _FILL)
    arguments = ["copy", "--source", second_database, "--target", datalayer_database, "--max-rate", "300"]
    process = await start(arguments)
    await until(lambda: asked(datalayer_database, _PARTS) > 0)
    process.send_signal(how)
    ended, lines = await end(process)
    assert ended == code, lines
    kept = asked(datalayer_database, _COUNT)
    assert 0 < kept <= 300 * 30
    told, said, line = (line for line in lines if not line.startswith("copying "))
    assert told == f"at least {kept:,} rows in 1 table are kept; the same command again goes on from there"
    assert said == f"error: {'interrupted' if how == signal.SIGINT else f'ended by {how.name}'}"
    assert line == going_on(arguments)
    assert await finished(arguments[:-2]) == ExitCode.OK
    assert asked(datalayer_database, _COUNT) == _ROWS


async def test_sync_that_is_told_to_stop_says_what_is_kept(second_database: str, datalayer_database: str) -> None:
    """Pages are kept with the watermark that counts them, from which the same command goes on."""
    do(second_database, _FILL)
    do(datalayer_database, "create table big (id int primary key, word text)")
    arguments = ["sync", "--source", second_database, "--target", datalayer_database, "--column", "id"]
    process = await start(arguments)
    await until(lambda: asked(datalayer_database, _COUNT) > 0)
    process.send_signal(signal.SIGINT)
    ended, lines = await end(process)
    assert ended == ExitCode.INTERRUPTED, lines
    told, said, line = lines
    kept = re.fullmatch(r"at least ([\d,]+) rows in 1 table are kept; the same command again goes on from there", told)
    assert kept is not None, told
    assert 0 < int(kept[1].replace(",", "")) <= asked(datalayer_database, _COUNT) < _ROWS
    assert said == "error: interrupted"
    assert line == going_on(arguments)
    assert await finished(arguments) == ExitCode.OK
    assert asked(datalayer_database, _COUNT) == _ROWS
