"""What goes wrong: one exception, with a status to act on."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """edge_llm_status."""

    OK = 0
    INVALID_FILE = 1
    UNSUPPORTED = 2
    OUT_OF_MEMORY = 3
    CONTEXT_FULL = 4
    CANCELLED = 5
    DEADLINE_EXCEEDED = 6
    INVALID_ARGUMENT = 7
    GRAMMAR_ERROR = 8
    PLUGIN_ERROR = 9
    NON_FINITE = 10
    FORKED = 11
    INTERNAL = 12
    INVALID_HANDLE = 13
    BUSY = 14
    BUFFER_TOO_SMALL = 15
    NOT_READY = 16


class EdgeLlmError(Exception):
    """A call that failed: its status, the library's words, and what lies beneath them."""

    def __init__(self, status: Status, message: str, detail: str = "") -> None:
        super().__init__(status, message, detail)  # all of them: an exception is pickled as its arguments
        self.status = status
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return self.message


class InvalidArgument(EdgeLlmError, ValueError):
    """Also a ValueError."""


class OutOfMemory(EdgeLlmError, MemoryError):
    """Also a MemoryError."""


_CLASSES = {Status.INVALID_ARGUMENT: InvalidArgument, Status.OUT_OF_MEMORY: OutOfMemory}


def error_for(status: int, message: str, detail: str) -> EdgeLlmError:
    """The exception for a status."""
    known = Status(status)
    return _CLASSES.get(known, EdgeLlmError)(known, message or known.name, detail)
