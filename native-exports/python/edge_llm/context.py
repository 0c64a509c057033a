"""Contexts: what runs a model."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _structs as s
from ._library import Library
from .errors import InvalidArgument, Status
from .model import Model, _close, token_array

CACHE_TYPES = {"f16": 0, "f32": 1, "q8_0": 2}
LONG = 32  # tokens whose computing Ctrl-C should not have to wait for
FINISH_REASONS = (None, "stop", "length", "eos", "cancelled", "deadline")


class Piece(str):
    """A step of a generation: the text that is complete now, its token (-1: none), and in the last step why it is the last one:
    "stop", "length", "eos", "cancelled" or "deadline"."""

    token: int
    finish_reason: str | None

    @classmethod
    def make(cls, text: str, token: int, finish_reason: str | None) -> Piece:
        piece = cls(text)
        piece.token, piece.finish_reason = token, finish_reason
        return piece


@dataclass(frozen=True)
class Counters:
    """Counts, times and memory; the first seven are about the last generation."""

    finish_reason: str | None
    seed: int
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    prompt_seconds: float
    generation_seconds: float
    evaluated_tokens: int
    evaluation_seconds: float
    kv_bytes: int
    activation_bytes: int


def context_options(loaded: Library, *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None, type_k: str = "f16",
                    type_v: str = "f16", n_seq_max: int = 1, logits_rows: int = 0, seed: int | None = None) -> s.Struct:
    """The options of a context as C has them."""
    for name, value in (("type_k", type_k), ("type_v", type_v)):
        if value not in CACHE_TYPES:
            raise InvalidArgument(Status.INVALID_ARGUMENT, f"{name}: expected one of {', '.join(CACHE_TYPES)}, found {value!r}")
    options = loaded.defaults(s.ContextOptions(), "context")
    if n_ctx is not None:
        options.context_size = n_ctx
    options.batch_size, options.threads, options.logits_rows = n_batch, n_threads or 0, logits_rows
    options.cache_type_k, options.cache_type_v = CACHE_TYPES[type_k], CACHE_TYPES[type_v]
    options.max_sequences = n_seq_max
    if seed is not None:
        options.seed = seed % (1 << 64)
    return options


def sampling_options(loaded: Library, *, temperature: float | None = None, top_k: int | None = None, top_p: float | None = None,
                     min_p: float | None = None, repeat_penalty: float | None = None, repeat_last_n: int | None = None,
                     presence_penalty: float | None = None, frequency_penalty: float | None = None, seed: int | None = None,
                     logit_bias: Mapping[int, float] | None = None) -> s.Struct:
    """The sampling options as C has them; None is the default."""
    given = dict(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repeat_penalty=repeat_penalty, repeat_last_n=repeat_last_n,
                 presence_penalty=presence_penalty, frequency_penalty=frequency_penalty)
    options = loaded.defaults(s.SamplingOptions(), "sampling")
    for name, value in given.items():
        if value is not None:
            setattr(options, name, value)
    if seed is not None:
        options.seed = seed % (1 << 64)
    if logit_bias:
        tokens = token_array([int(token) for token in logit_bias])
        options.logit_bias = (s.LogitBias * len(logit_bias))(*map(s.LogitBias, tokens, logit_bias.values()))
        options.logit_bias_count = len(logit_bias)
    return options


def _milliseconds(seconds: float | None) -> int:
    """A time from now as C has it: what has passed is 0, none is -1."""
    return -1 if seconds is None else max(0, int(min(seconds, 1e12) * 1000))


class Context:
    """What runs a model: threads, a cache, working memory. It does one thing at a time; only cancel and close may be called meanwhile.

    n_ctx: tokens that a sequence may hold; None: the model's own, but 4096 at most; 0: the model's own. n_threads None: one a physical core.
    """

    def __init__(self, model: Model, *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None, type_k: str = "f16",
                 type_v: str = "f16", n_seq_max: int = 1, logits_rows: int = 0, seed: int | None = None) -> None:
        self._library, self._model = model._library, model
        options = context_options(self._library, n_ctx=n_ctx, n_batch=n_batch, n_threads=n_threads, type_k=type_k, type_v=type_v,
                                  n_seq_max=n_seq_max, logits_rows=logits_rows, seed=seed)
        handle = ctypes.c_void_p()
        self._library("context_create", model._handle, options, handle)
        self._handle = handle.value
        self._closer = weakref.finalize(self, _close, self._library, "context_close", self._handle, model._log)
        self._generation = object()  # the one begun last
        self._vocab_size = model.info.vocab_size
        self._embedding_length = model.info.embedding_length

    def close(self) -> None:
        """Gives the handle back; a call under way on another thread is cancelled. Closing twice does nothing."""
        self._closer()

    def __enter__(self) -> Context:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def n_ctx(self) -> int:
        """Tokens that a sequence may hold."""
        return int(self._options().context_size)

    @property
    def n_threads(self) -> int:
        """Threads that it has."""
        return int(self._options().threads)

    def _options(self) -> s.Struct:
        options = s.ContextOptions()
        self._library("context_get_options", self._handle, options)
        return options

    @property
    def counters(self) -> Counters:
        """Counts, times and memory."""
        c = s.Counters()
        self._library("context_get_counters", self._handle, c)
        return Counters(FINISH_REASONS[c.finish], c.seed, c.prompt_tokens, c.reused_tokens, c.generated_tokens, c.prompt_nanoseconds / 1e9,
                        c.generation_nanoseconds / 1e9, c.evaluated_tokens, c.evaluation_nanoseconds / 1e9, c.kv_bytes, c.activation_bytes)

    def cancel(self) -> None:
        """Ends the call that is under way, from any thread; a generation ends with the reason "cancelled"."""
        self._library("context_cancel", self._handle)

    def set_deadline(self, seconds: float | None) -> None:
        """A moment, from now, after which everything that computes fails; None: no deadline."""
        self._library("context_set_deadline", self._handle, _milliseconds(seconds))

    def generate(self, prompt: str | Sequence[int] | None, *, max_tokens: int | None = None, stop: str | Sequence[str] | None = None,
                 ignore_eos: bool = False, render_special: bool = False, sequence: int = 0, timeout: float | None = None,
                 **sampling: Any) -> Iterator[Piece]:
        """What follows a prompt, piece by piece as it is asked for: a text, or tokens, or None to go on from what the sequence holds.

        Sampling: temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, presence_penalty, frequency_penalty, seed, logit_bias.
        max_tokens None: until the context is full. timeout is in seconds. The prompt is all of the text so far: what the context has
        computed of it already is not computed again. A context has one generation: another one, or eval, embed and the like, ends it.
        """
        tokens = self._model.tokenize(prompt, prompt=True) if isinstance(prompt, str) else list(prompt or [])
        options = self._library.defaults(s.GenerateOptions(), "generate")
        chosen = sampling_options(self._library, **sampling)
        texts = [text.encode() for text in ([stop] if isinstance(stop, str) else stop or [])]
        options.max_tokens = -1 if max_tokens is None else max_tokens
        options.ignore_eos, options.render_special, options.sequence = int(ignore_eos), int(render_special), sequence
        options.deadline = _milliseconds(timeout)
        options.sampling = ctypes.pointer(chosen)
        options.stop = (s.Text * len(texts))(*[s.Text(text, len(text)) for text in texts])
        options.stop_count = len(texts)
        self._library("context_start", self._handle, token_array(tokens), len(tokens), options)
        self._generation = object()
        return self._steps(len(tokens), self._generation)

    def _steps(self, prompt_length: int, generation: object) -> Iterator[Piece]:
        piece, at, function = s.Piece(), ctypes.string_at, self._library.function("context_next")
        pointer, handle = ctypes.byref(piece), self._handle

        def step() -> int:
            if generation is not self._generation:
                raise InvalidArgument(Status.INVALID_ARGUMENT, "another generation has begun in this context")
            status = function(handle, pointer)
            if status != 0 and piece.finish == 0:
                raise self._library.error(status)
            return int(piece.finish)

        finish = self._interruptibly(prompt_length, step)
        while True:
            yield Piece.make(at(piece.text, piece.text_length).decode("utf-8", "replace"), piece.token, FINISH_REASONS[finish])
            if finish != 0:
                return
            finish = step()

    def _interruptibly(self, tokens: int, call: Callable[[], Any]) -> Any:
        """Makes a call that computes this many tokens. Python runs signal handlers between two steps of the main thread, which therefore leaves a
        long call to another one and waits; if a handler raises, as Ctrl-C's does, the call is cancelled."""
        if tokens < LONG or threading.current_thread() is not threading.main_thread():
            return call()
        outcome: list[Any] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append((call(), None))
            except BaseException as error:
                outcome.append((None, error))
            finally:
                done.set()

        try:
            threading.Thread(target=run, daemon=True).start()
            done.wait()
        except BaseException:
            while not done.wait(0.02):  # more than once: the first may come before the call
                self._library.function("context_cancel")(self._handle)
            raise
        value, error = outcome[0]
        if error is not None:
            raise error
        return value

    def complete(self, prompt: str | Sequence[int] | None, **options: Any) -> str:
        """The whole text that generate gives."""
        return "".join(self.generate(prompt, **options))

    def eval(self, tokens: Sequence[int], *, sequence: int = 0) -> None:
        """Runs tokens as the next ones of a sequence; logits(0) are those after the last of them."""
        self._interruptibly(len(tokens), lambda: self._library("context_eval", self._handle, sequence, token_array(tokens), len(tokens)))

    def eval_batch(self, tokens: Sequence[int], *, sequences: Sequence[int] | None = None, want_logits: Sequence[bool] | None = None) -> None:
        """Runs tokens of several sequences in one pass, at most n_batch; those wanted get rows of logits, at most logits_rows."""
        for other in (sequences, want_logits):
            if other is not None and len(other) != len(tokens):
                raise InvalidArgument(Status.INVALID_ARGUMENT, f"{len(tokens)} tokens, but {len(other)} values for them")
        want = None if want_logits is None else (ctypes.c_uint8 * len(tokens))(*map(int, want_logits))
        numbers = None if sequences is None else token_array(sequences)
        self._interruptibly(len(tokens), lambda: self._library("context_eval_batch", self._handle, token_array(tokens), numbers, want, len(tokens)))

    def logits(self, row: int = 0) -> memoryview:
        """A row of the logits last computed: floats in memory of its own, which numpy.asarray views without a copy."""
        buffer = (ctypes.c_float * self._vocab_size)()
        count = ctypes.c_size_t()
        self._library("context_copy_logits", self._handle, row, buffer, self._vocab_size, count)
        return memoryview(buffer).cast("B").cast("f")

    def sample(self, *, row: int = 0, sequence: int = 0, **sampling: Any) -> int:
        """Chooses the next token of a sequence from a row of logits; eval runs it."""
        token = ctypes.c_int32()
        self._library("context_sample", self._handle, row, sequence, sampling_options(self._library, **sampling), token)
        return token.value

    def embed(self, text: str | Sequence[int], *, normalize: bool = True) -> memoryview:
        """A vector for a text: the mean of the last hidden states, of length 1 if normalized."""
        tokens = self._model.tokenize(text) if isinstance(text, str) else text
        vector = self._interruptibly(len(tokens), lambda: self._library.fill(
            ctypes.c_float, self._embedding_length, "context_embed", self._handle, token_array(tokens), len(tokens), int(normalize)))
        return memoryview(vector).cast("B").cast("f")

    def tokens(self, sequence: int = 0) -> list[int]:
        """What a sequence holds."""
        return list(self._library.fill(ctypes.c_int32, 0, "sequence_tokens", self._handle, sequence))

    def copy(self, source: int, target: int) -> None:
        """Makes one sequence hold what another one holds."""
        self._library("sequence_copy", self._handle, source, target)

    def remove(self, sequence: int = 0) -> None:
        """Empties a sequence."""
        self._library("sequence_remove", self._handle, sequence)

    def trim(self, length: int, *, sequence: int = 0) -> None:
        """Makes a sequence forget its tokens from a length on."""
        if length < 0:
            raise InvalidArgument(Status.INVALID_ARGUMENT, f"length: expected 0 or more, found {length}")
        self._library("sequence_trim", self._handle, sequence, length)

    def save(self, sequence: int = 0) -> bytes:
        """What a sequence holds, to be loaded later or elsewhere."""
        return bytes(self._library.fill(ctypes.c_char, 0, "state_save", self._handle, sequence))

    def load(self, state: bytes, *, sequence: int = 0) -> None:
        """Replaces what a sequence holds by a saved one."""
        self._library("state_load", self._handle, sequence, ctypes.cast(ctypes.c_char_p(bytes(state)), ctypes.c_void_p), len(state))

    def save_file(self, path: str | os.PathLike[str], *, sequence: int = 0) -> None:
        """Saves to a file."""
        name = os.fsencode(path)
        self._library("state_save_file", self._handle, sequence, name, len(name))

    def load_file(self, path: str | os.PathLike[str], *, sequence: int = 0) -> None:
        """Loads from a file."""
        name = os.fsencode(path)
        self._library("state_load_file", self._handle, sequence, name, len(name))
