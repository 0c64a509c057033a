"""Requests: many answers in one context."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _structs as s
from ._library import Handle
from .errors import EdgeLlmError, InvalidArgument, Status
from .generation import FINISH_REASONS, LONG, Part, Piece, read_parts, read_piece
from .model import held

if TYPE_CHECKING:
    from .context import Context


@dataclass(frozen=True)
class RequestStatistics:
    """Counts and times of a request."""

    finish_reason: str | None
    seed: int
    prompt_tokens: int
    reused_tokens: int
    restored_tokens: int
    generated_tokens: int
    forced_tokens: int
    evaluated_tokens: int
    drafted_tokens: int
    accepted_tokens: int
    shifted_tokens: int
    preemptions: int
    prompt_seconds: float
    generation_seconds: float


class Ready:
    """Is told by the thread that computes, and tells those who wait in event loops and the caller's function."""

    def __init__(self, told: Callable[[], None] | None) -> None:
        self._told = told
        self._lock = threading.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self.callback = s.ReadyCallback(self._tell)

    def future(self) -> asyncio.Future[None]:
        """Done when there is something to read, from now on."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append(future)
        return future

    def forget(self, future: asyncio.Future[None]) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            if future in self._waiting:
                self._waiting.remove(future)

    def _tell(self, _user: int | None) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for future in waiting:
            try:
                future.get_loop().call_soon_threadsafe(_finish, future)
            except RuntimeError:  # its loop is closed: nobody waits there
                pass
        if self._told is not None:
            self._told()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Request(Iterator[Piece]):
    """An answer that a context computes together with others: Context.submit begins one.

    poll gives the next piece if it is there. `for piece in request` waits for each, and drives the passes unless another thread does. `async for`
    waits without keeping the event loop; the context's thread computes. The last piece has a finish reason, also if it was cancelled; what else
    ended it is raised. To close it, or to forget it, cancels it.
    """

    def __init__(self, context: Context, handle: int | None, ready: Ready | None, is_chat: bool) -> None:
        self._context, self._library, self._ready, self._is_chat = context, context._library, ready, is_chat
        self._held: Handle | None = Handle(context._library, "request_close", handle, (ready, context._log))
        self._piece = s.Piece()
        self._pointer = ctypes.byref(self._piece)
        self._ended = self._begun = False

    def poll(self) -> Piece | None:
        """The next piece, or None: there is none yet, or the last one was read. Computes nothing."""
        return None if self._ended else self._read("request_next")

    def __next__(self) -> Piece:
        if self._ended:
            raise StopIteration
        if self._begun:
            piece = self._read("request_wait")
        else:  # the first one may take long: Ctrl-C does not wait for it
            piece = self._context._interruptibly(LONG, lambda: self._read("request_wait"), self.cancel)
            self._begun = True
        assert piece is not None
        return piece

    def __aiter__(self) -> Request:
        if self._ready is None:
            raise InvalidArgument(Status.INVALID_ARGUMENT, "async for: expected a request that was submitted in a running event loop")
        self._context.start_thread()
        return self

    async def __anext__(self) -> Piece:
        assert self._ready is not None
        while not self._ended:
            if (piece := self.poll()) is not None:
                return piece
            told = self._ready.future()  # before the look that may find nothing
            try:
                if (piece := self.poll()) is not None:
                    return piece
                await told
            finally:
                self._ready.forget(told)
        raise StopAsyncIteration

    def text(self) -> Piece:
        """All of the answer that is not read yet, waited for, as one piece."""
        pieces = list(self)
        return Piece.joined(pieces) if pieces else Piece.make("", -1, self.finish_reason)

    @property
    def finish_reason(self) -> str | None:
        """Why the piece read last was the last one."""
        return FINISH_REASONS[self._piece.finish]

    @property
    def statistics(self) -> RequestStatistics:
        """Counts and times so far."""
        c = s.RequestStatistics()
        self._library("request_get_statistics", self._handle, c)
        return RequestStatistics(FINISH_REASONS[c.finish], c.seed, c.prompt_tokens, c.reused_tokens, c.restored_tokens, c.generated_tokens,
                                 c.forced_tokens, c.evaluated_tokens, c.drafted_tokens, c.accepted_tokens, c.shifted_tokens, c.preemptions,
                                 c.prompt_nanoseconds / 1e9, c.generation_nanoseconds / 1e9)

    def cancel(self) -> None:
        """Ends it, from any thread: its last piece has the reason "cancelled"."""
        self._library("request_cancel", self._handle)

    def close(self) -> None:
        """Gives it back. Closing twice does nothing."""
        if self._held is not None:
            self._held.close()
        self._held = None

    def __enter__(self) -> Request:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _handle(self) -> int | None:
        return held(self._held, "request").value

    def _read(self, name: str) -> Piece | None:
        status = self._library.function(name)(self._handle, self._pointer)
        if status == Status.NOT_READY:
            return None
        if status != 0 and not (self._piece.finish and status in (Status.CANCELLED, Status.DEADLINE_EXCEEDED)):
            error = self._library.error(status)
            self._ended = not isinstance(error, EdgeLlmError) or status not in (Status.BUSY, Status.INVALID_FILE)
            raise error
        self._ended = self._piece.finish != 0
        return read_piece(self._piece, self._parts() if self._is_chat else None)

    def _parts(self) -> list[Part]:
        return read_parts(lambda part: self._library("request_next_part", self._handle, part))


def submit(context: Context, name: str, options: s.Struct, count: int, on_ready: Callable[[], None] | None, *arguments: Any) -> list[Request]:
    """Calls a function of C that makes requests."""
    if on_ready is not None and not callable(on_ready):
        raise TypeError(f"on_ready: expected a function, found {type(on_ready).__name__}")
    ready = Ready(on_ready) if on_ready is not None or asyncio._get_running_loop() is not None else None
    if ready is not None:
        options.ready = ready.callback
    handles = (ctypes.c_void_p * max(1, min(count, 1024)))()
    context._library(name, context._handle, *arguments, options, count, handles)
    return [Request(context, handle, ready, name == "request_submit_chat") for handle in handles]
