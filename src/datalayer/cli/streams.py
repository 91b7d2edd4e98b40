"""The streams of a process whose reader may be gone, or whose file full: what a command does is not undone by that."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from datalayer.errors import DataLayerError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(DataLayerError):
    """What a command found could not be written where its output goes."""

    goes_on_with = None


def take_over() -> None:
    """Put streams in the place of stdout and stderr that outlive their readers.

    Letters that an encoding does not have are escaped.
    """
    sys.stdout, sys.stderr = _outliving(sys.stdout, _Results), _outliving(sys.stderr, _Outliving)


def _outliving(stream: TextIO | None, kind: type[_Outliving]) -> TextIO:
    if stream is None:
        # Python has None for one that is closed (``>&-``), whose number the next file would get.
        return Path(os.devnull).open("w")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(kind(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
    )


class _Outliving(io.FileIO):
    """Who reads it may go away (``| head``): that is no error, and what comes later goes nowhere."""

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            return super().write(content)
        except OSError as error:
            # Source: Python's documentation of signal, "Note on SIGPIPE": the last flush must not fail once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            self.failed(error)
            return memoryview(content).nbytes

    def failed(self, error: OSError) -> None:
        """Where notes cannot be written, there is nobody to be told."""


class _Results(_Outliving):
    """Results that are lost on a full disk are told on stderr."""

    def failed(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the output cannot be written: {error.strerror}") from None
