"""A tiny HTTP proxy that does what networks and gateways do: cut, stall, refuse, and serve under a prefix."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
_DELAY_SECONDS = 0.3


class Fault(Enum):
    """What happens to one request instead of being answered."""

    CUT_REQUEST = auto()  #: the connection ends before the server hears of the request
    CUT_ANSWER = auto()  #: the server has done it, its answer is lost
    HALF_ANSWER = auto()  #: the server has done it, half of its answer comes
    DELAY = auto()  #: the server does it a while later, and its answer comes
    STALL = auto()  #: nothing comes back until the proxy closes
    LAND_LATE = auto()  #: nothing comes back, and the server does it when the proxy is told to
    CUT_AND_LAND_LATE = auto()  #: the connection ends, and the server does it when the proxy is told to


Reaction: TypeAlias = Fault | bytes


def reply(status: int, *headers: str, body: str = "") -> bytes:
    """Build an answer that a gateway gives by itself."""
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class FaultyProxy:
    """Stands before a server. Requests take the reactions in ``script`` first, one each, None to be served.

    When the script has ended all are served.

    Args:
        target: URL of the server.
        prefix: path under which the server is served; others are answered with 404.
    """

    def __init__(self, target: str, prefix: str = "") -> None:
        parts = urlsplit(target)
        self._address = (parts.hostname, parts.port)
        self._prefix = prefix.encode()
        self.script: deque[Reaction | None] = deque()
        #: Only requests that begin so take reactions.
        self.meant = ""
        self.seen: list[str] = []
        self._late: list[bytes] = []
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._waits = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._released = asyncio.Event()
        #: Requests that the server has and has not answered.
        self._at_server = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._released.set()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where the proxy listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def hold(self) -> None:
        """Keep requests from the server until `release`."""
        self._may_pass.clear()
        self._waits.clear()

    async def held(self) -> None:
        """Return when a request waits."""
        await self._waits.wait()

    def release(self) -> None:
        """Let requests pass."""
        self._may_pass.set()

    async def land(self) -> None:
        """Let the server do what it was asked late; nobody waits for the answers any more."""
        late, self._late = self._late, []
        for request in late:
            await self._forward(request)

    def drop(self) -> None:
        """Forget what the server was to do late: it is too late for that."""
        self._late.clear()

    async def quiet(self) -> None:
        """Return when the server has answered whatever has reached it, callers that are gone included."""
        await self._quiet.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read_request(reader)
            self.seen.append(request.partition(b" HTTP/")[0].decode())
            writer.write(await self._react(request))
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _react(self, request: bytes) -> bytes:
        self._waits.set()
        await self._may_pass.wait()
        meant = request.startswith(self.meant.encode())
        reaction = self.script.popleft() if self.script and meant else None
        if isinstance(reaction, bytes):
            return reaction
        match reaction:
            case Fault.CUT_REQUEST:
                return b""
            case Fault.STALL:
                await self._released.wait()
                return b""
            case Fault.LAND_LATE:
                self._late.append(request)
                await self._released.wait()
                return b""
            case Fault.CUT_AND_LAND_LATE:
                self._late.append(request)
                return b""
            case Fault.DELAY:
                await asyncio.sleep(_DELAY_SECONDS)
        answer = await self._forward(request)
        if reaction is Fault.HALF_ANSWER:
            return answer[: len(answer) // 2]
        return b"" if reaction is Fault.CUT_ANSWER else answer

    async def _forward(self, request: bytes) -> bytes:
        self._at_server += 1
        self._quiet.clear()
        try:
            return await self._exchange(request)
        finally:
            self._at_server -= 1
            if not self._at_server:
                self._quiet.set()

    async def _exchange(self, request: bytes) -> bytes:
        verb, path, rest = request.split(b" ", 2)
        if not path.startswith(self._prefix):
            return reply(404, body="no such path")
        path = path.removeprefix(self._prefix) or b"/"
        rest = re.sub(rb"connection: [^\r]*", b"Connection: close", rest, count=1, flags=re.IGNORECASE)
        reader, writer = await asyncio.open_connection(*self._address)
        writer.write(b" ".join((verb, path, rest)))
        await writer.drain()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        # The proxy closes after each answer: a client that is not told sends its next request into nothing.
        return answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_END_OF_HEAD)
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
