"""Generations: answers, piece by piece."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from . import _structs as s
from .errors import EdgeLlmError, InvalidArgument, Status

if TYPE_CHECKING:
    from .context import Context

FINISH_REASONS = (None, "stop", "length", "eos", "cancelled", "deadline")
LONG = 32  # tokens whose computing Ctrl-C should not have to wait for
PART_KINDS = (None, "content", "reasoning", "call_begin", "arguments", "call_end", "call_broken")


class Part(NamedTuple):
    """A part of the answer to a chat. kind is "content", "reasoning", "call_begin", "arguments", "call_end" or "call_broken"; index is that of the
    call, or -1; a call that begins has the id and the name of its tool."""

    kind: str
    text: str
    index: int
    id: str
    name: str


class Logprobs(NamedTuple):
    """How likely a token was: by the model (logprob, top), and among those that grammar, logit bias and all stages left (sampled, sampled_top).
    Tops are pairs of a token and its log-probability, from the likeliest down."""

    logprob: float
    top: list[tuple[int, float]]
    sampled: float
    sampled_top: list[tuple[int, float]]


class Piece(str):
    """A step of a generation: the text that is complete now, its token (-1: none), and in the last step why it is the last one:
    "stop", "length", "eos", "cancelled" or "deadline"."""

    token: int
    finish_reason: str | None
    parts: list[Part]  # of a chat: what it has completed
    logprobs: Logprobs | None = None  # if the options ask for them

    @classmethod
    def make(cls, text: str, token: int, finish_reason: str | None, parts: list[Part] | None = None) -> Piece:
        piece = cls(text)
        piece.token, piece.finish_reason, piece.parts = token, finish_reason, [] if parts is None else parts
        return piece

    @classmethod
    def joined(cls, pieces: Sequence[Piece]) -> Piece:
        """All pieces of a generation as one that ends as the last of them."""
        return cls.make("".join(pieces), pieces[-1].token, pieces[-1].finish_reason, [part for piece in pieces for part in piece.parts])


def read_piece(piece: s.Struct, parts: list[Part] | None) -> Piece:
    """A step as C has it."""
    text = ctypes.string_at(piece.text, piece.text_length).decode("utf-8", "replace")
    read = Piece.make(text, piece.token, FINISH_REASONS[piece.finish], parts)
    if piece.top_count:
        tops = [[(each.token, each.logprob) for each in top[:count]] for top, count in ((piece.top, piece.top_count), (piece.sampled_top, piece.sampled_top_count))]
        read.logprobs = Logprobs(piece.logprob, tops[0], piece.sampled_logprob, tops[1])
    return read


def read_parts(read_next: Callable[[s.Struct], object]) -> list[Part]:
    """The parts that a step has completed."""
    parts, part = [], s.Part()
    while True:
        read_next(part)
        if part.kind == 0:
            return parts
        text, call, name = (ctypes.string_at(data, length).decode("utf-8", "replace") for data, length in
                            ((part.text, part.text_length), (part.id, part.id_length), (part.name, part.name_length)))
        parts.append(Part(PART_KINDS[part.kind] or "", text, part.index, call, name))


class Generation(Iterator[Piece]):
    """The pieces of an answer. It ends with a piece that has a finish reason; whatever keeps it from its end is raised, at every try."""

    def __init__(self, context: Context, prompt_length: int, number: int, *, is_chat: bool = False) -> None:
        self._context, self._unread, self._is_chat = context, prompt_length, is_chat
        self._next = context._library.function("context_next")
        self._piece = s.Piece()
        self._piece.id = number  # the library tells it from one that has begun meanwhile
        self._pointer = ctypes.byref(self._piece)
        self._ended = self._interrupted = False

    def __next__(self) -> Piece:
        if self._ended:
            raise StopIteration
        if self._interrupted:
            raise InvalidArgument(Status.INVALID_ARGUMENT, "the generation was interrupted, and a piece of it is lost")
        self._interrupted = True  # until this piece is there
        try:
            if self._unread:
                self._context._interruptibly(self._unread, self._step)
                self._unread = 0
            else:
                self._step()
        except EdgeLlmError:
            self._interrupted = False
            raise
        read = read_piece(self._piece, self._parts() if self._is_chat else None)
        self._ended, self._interrupted = self._piece.finish != 0, False
        return read

    def _parts(self) -> list[Part]:
        return read_parts(lambda part: self._context._library("context_next_part", self._context._handle, part))

    def _step(self) -> None:
        status = self._next(self._context._handle, self._pointer)
        if status != 0 and self._piece.finish == 0:
            raise self._context._library.error(status)
