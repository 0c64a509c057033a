"""Contexts: what runs a model."""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _structs as s
from . import checks
from ._library import Handle, give_back
from .adapter import adapter_scales
from .errors import InvalidArgument, Status
from .generation import FINISH_REASONS, LONG, Generation, Piece
from .model import Message, Model, chat_request, draft_handle, encode, held
from .options import answer_options, context_options, generate_options, milliseconds, sampling_options
from .request import Request, submit


_CHAT = ("tools", "tool_choice", "parallel_tool_calls", "reasoning_budget", "chat_template", "template_name", "variables", "date")


@dataclass(frozen=True)
class Counters:
    """Counts, times and memory; the first seven and the last five are about the last generation."""

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
    restored_tokens: int
    forced_tokens: int
    drafted_tokens: int
    accepted_tokens: int
    shifted_tokens: int


class Context:
    """What runs a model: threads, a cache, working memory. It does one thing at a time; only cancel and close may be called meanwhile.

    n_ctx: tokens that a sequence may hold; None: the model's own, but 4096 at most; 0: the model's own. n_threads None: one a physical core.
    adapters: LoRA adapters of Model.load_adapter, or pairs of one and a scale, for its texts: see set_adapters.
    prompt_cache: a folder that keeps texts for later processes, in files of prompt_cache_bytes at most (None: 4 GiB).
    prefix_sharing: texts go on from what the cache holds of others with the same beginning.
    lookup: drafts tokens from what stood in the text before. draft_model: a smaller Model with the same tokens, which drafts. draft_tokens: that may
    be drafted for one pass; None: 8. The texts are the same, and come sooner.
    """

    def __init__(self, model: Model, *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None, type_k: str = "f16",
                 type_v: str = "f16", n_seq_max: int = 1, logits_rows: int = 0, seed: int | None = None, adapters: Sequence[Any] = (),
                 prompt_cache: str | os.PathLike[str] | None = None, prompt_cache_bytes: int | None = None, prefix_sharing: bool = True,
                 lookup: bool = False, draft_model: Model | None = None, draft_tokens: int | None = None) -> None:
        if not isinstance(model, Model):
            raise checks.wrong_type("model", "a Model", model)
        self._library = model._library
        self._model: Handle | None = held(model._held, "model")  # for texts, after the Model is closed as well
        options = context_options(self._library, n_ctx=n_ctx, n_batch=n_batch, n_threads=n_threads, type_k=type_k, type_v=type_v,
                                  n_seq_max=n_seq_max, logits_rows=logits_rows, seed=seed, prompt_cache=prompt_cache,
                                  prompt_cache_bytes=prompt_cache_bytes, prefix_sharing=prefix_sharing, lookup=lookup, draft_tokens=draft_tokens,
                                  draft_model=None if draft_model is None else draft_handle(draft_model))
        handle = ctypes.c_void_p()
        self._library("context_create", self._model.value, options, handle)
        self._handle = handle.value
        self._log = model._log
        self._closer = weakref.finalize(self, give_back, self._library, "context_close", self._handle, self._log)
        self._generations = itertools.count(1)
        self._vocab_size = model.info.vocab_size
        self._embedding_length = model.info.embedding_length
        self.set_adapters(adapters)

    def close(self) -> None:
        """Gives the handle back; a call under way on another thread is cancelled. Closing twice does nothing."""
        self._closer()
        self._model = None

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
                        c.generation_nanoseconds / 1e9, c.evaluated_tokens, c.evaluation_nanoseconds / 1e9, c.kv_bytes, c.activation_bytes,
                        c.restored_tokens, c.forced_tokens, c.drafted_tokens, c.accepted_tokens, c.shifted_tokens)

    def set_adapters(self, adapters: Sequence[Any] | None, *, sequence: int | None = None) -> None:
        """The LoRA adapters that texts are computed with, each an Adapter or a pair of one and a scale: of one sequence (None: those of the
        context), or of the context's sequences that name none and of texts to embed or rank. What a sequence holds was computed with its
        adapters, which therefore change only while it is empty."""
        scales = None if adapters is None else adapter_scales(adapters)
        count = 0 if scales is None else len(scales)
        if sequence is None:
            self._library("context_set_adapters", self._handle, scales, count)
        else:
            self._library("sequence_set_adapters", self._handle, checks.integer("sequence", sequence), scales, count)

    def cancel(self) -> None:
        """Ends the call that is under way, from any thread; a generation ends with the reason "cancelled"."""
        self._library("context_cancel", self._handle)

    def set_deadline(self, seconds: float | None) -> None:
        """A moment, from now, after which everything that computes fails; None: no deadline."""
        self._library("context_set_deadline", self._handle, milliseconds(seconds))

    def generate(self, prompt: str | Sequence[int] | None, *, max_tokens: int | None = None, stop: str | Sequence[str] | None = None,
                 ignore_eos: bool = False, render_special: bool = False, sequence: int = 0, timeout: float | None = None,
                 grammar: str | None = None, regex: str | None = None, json_schema: str | Mapping[str, Any] | bool | None = None,
                 json_whitespace: str = "any", json_any_order: bool = False, salt: str | None = None, **sampling: Any) -> Generation:
        """What follows a prompt, piece by piece as it is asked for: a text, or tokens, or None to go on from what the sequence holds. A prompt
        that is there and has no tokens is an error.

        Sampling: temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, presence_penalty, frequency_penalty, seed, logit_bias,
        dynatemp_range, dynatemp_exponent, top_n_sigma, typical_p, xtc_probability, xtc_threshold, dry_multiplier, dry_base, dry_allowed_length,
        dry_penalty_last_n, dry_breakers, mirostat, mirostat_tau, mirostat_eta, samplers.
        grammar (GBNF), regex or json_schema (a text or what json.loads makes of one; {}: any JSON) say what the text must look like.
        json_whitespace: "any" (at most 20 characters in a row), "none" or "spaced" (one behind commas and colons). json_any_order: properties need
        not come in the order of the schema.
        salt: only texts of equal salt share what the cache holds of a common beginning; None: that of the sequence.
        max_tokens None: until the context is full. timeout is in seconds. The prompt is all of the text so far: what the context has
        computed of it already is not computed again. A context has one generation: another one, or eval, embed and the like, ends it, and
        reading on raises InvalidArgument.
        logprobs: how many of the likeliest tokens each piece tells; 0: none.
        draft_tokens: that may be drafted for one pass; 0: none. context_shift: a text that fills the context loses the older half of what is not
        kept (keep tokens of the beginning; -1: the prompt), in blocks of 64, and goes on; counters.shifted_tokens tells.
        """
        tokens = None if prompt is None else self._prompt(prompt)
        if tokens is not None and len(tokens) == 0:
            raise InvalidArgument(Status.INVALID_ARGUMENT, "the prompt has no tokens; None goes on from what the sequence holds")
        options = self._options_with_id(max_tokens=max_tokens, stop=stop, ignore_eos=ignore_eos, render_special=render_special, sequence=sequence,
                                        timeout=timeout, grammar=grammar, regex=regex, json_schema=json_schema, json_whitespace=json_whitespace,
                                        json_any_order=json_any_order, salt=salt, **sampling)
        length = 0 if tokens is None else len(tokens)
        self._library("context_start", self._handle, tokens, length, options)
        return Generation(self, length, options.id)

    def chat(self, messages: Iterable[Message], *, tools: Sequence[Mapping[str, Any]] | None = None, tool_choice: str | Mapping[str, Any] = "auto",
             parallel_tool_calls: bool = True, reasoning_budget: int | None = None, chat_template: str | None = None, template_name: str | None = None,
             variables: Mapping[str, Any] | None = None, date: float | None = None, **options: Any) -> Generation:
        """The answer to a conversation, piece by piece; each piece has parts: content, reasoning, and calls of tools with their arguments as they
        come. messages, tools and tool_choice ("auto", "none", "required", or what names a function) are as in a chat request. reasoning_budget:
        tokens that the model may write to itself; None: as many as it likes. Options: those of generate."""
        given, keep = self._chat(messages, tools=tools, tool_choice=tool_choice, parallel_tool_calls=parallel_tool_calls, reasoning_budget=reasoning_budget,
                                 chat_template=chat_template, template_name=template_name, variables=variables, date=date)
        generate = self._options_with_id(**options)
        self._library("context_start_chat", self._handle, *given, generate)
        del keep
        return Generation(self, LONG, generate.id, is_chat=True)

    def submit(self, prompt: str | Sequence[int], *, on_ready: Callable[[], None] | None = None, **options: Any) -> Request:
        """Begins an answer that shares passes with the others of this context, and computes nothing: step, start_thread, or who waits for an answer
        drives the passes. Any thread may call this at any time. Options are those of generate (but for sequence), and:

        priority: requests of a higher one come first. choice: number of the answer among several to one prompt. draft_tokens: that may be
        drafted for one pass; None: as many as the context does. adapters: as in set_adapters; None: the context's. on_ready is called on the
        thread that computes when there is something to read; it may poll there.
        """
        return self.submit_choices(prompt, 1, on_ready=on_ready, **options)[0]

    def submit_choices(self, prompt: str | Sequence[int], n: int, *, on_ready: Callable[[], None] | None = None, **options: Any) -> list[Request]:
        """Begins n answers to one prompt, which is computed once. on_ready is told of all of them."""
        tokens = self._prompt(prompt)
        return submit(self, "request_submit", generate_options(self._library, **options), checks.integer("n", n), on_ready, tokens, len(tokens))

    def submit_chat(self, messages: Iterable[Message], **options: Any) -> Request:
        """Begins an answer to a conversation that shares passes with the others. Options: those of chat and of submit."""
        return self.submit_chat_choices(messages, 1, **options)[0]

    def submit_chat_choices(self, messages: Iterable[Message], n: int, *, on_ready: Callable[[], None] | None = None, **options: Any) -> list[Request]:
        """Begins n answers to one conversation."""
        chat = {name: options.pop(name) for name in _CHAT if name in options}
        given, keep = self._chat(messages, **chat)
        requests = submit(self, "request_submit_chat", generate_options(self._library, **options), checks.integer("n", n), on_ready, *given)
        del keep
        return requests

    def step(self) -> int:
        """Drives one pass for all requests; how many need more."""
        remaining = ctypes.c_size_t()
        self._interruptibly(LONG, lambda: self._library("context_step", self._handle, remaining))
        return remaining.value

    def start_thread(self) -> None:
        """Starts a thread of the library's that drives the passes of requests, now and later. While it computes, calls such as eval and embed
        raise BUSY."""
        self._library("context_start_thread", self._handle)

    def _prompt(self, prompt: str | Sequence[int]) -> ctypes.Array[ctypes.c_int32]:
        return checks.tokens("prompt", self._tokens(prompt, prompt=True))

    def _chat(self, messages: Iterable[Message], *, tool_choice: str | Mapping[str, Any] = "auto", parallel_tool_calls: bool = True,
              reasoning_budget: int | None = None, **options: Any) -> tuple[tuple[Any, ...], list[bytes]]:
        """The arguments of C for a conversation, and what must be kept for them."""
        array, chat, keep = chat_request(self._library, messages, **options)
        return (array, len(array), chat, answer_options(self._library, tool_choice, parallel_tool_calls, reasoning_budget)), keep

    def _options_with_id(self, **options: Any) -> s.Struct:
        given = generate_options(self._library, **options)
        given.id = next(self._generations) % (1 << 32)
        return given

    def _interruptibly(self, tokens: int, call: Callable[[], Any], cancel: Callable[[], object] | None = None) -> Any:
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
                cancel() if cancel is not None else self._library.function("context_cancel")(self._handle)
            raise
        value, error = outcome[0]
        if error is not None:
            raise error
        return value

    def complete(self, prompt: str | Sequence[int] | None, **options: Any) -> Piece:
        """The whole text that generate gives, as one piece, whose finish_reason says whether it was cut."""
        return Piece.joined(list(self.generate(prompt, **options)))

    def eval(self, tokens: Sequence[int], *, sequence: int = 0) -> None:
        """Runs tokens as the next ones of a sequence; logits(0) are those after the last of them."""
        numbers, where = checks.tokens("tokens", tokens), checks.integer("sequence", sequence)
        self._interruptibly(len(numbers), lambda: self._library("context_eval", self._handle, where, numbers, len(numbers)))

    def eval_batch(self, tokens: Sequence[int], *, sequences: Sequence[int] | None = None, want_logits: Sequence[bool] | None = None) -> None:
        """Runs tokens of several sequences in one pass, at most n_batch; those wanted get rows of logits, at most logits_rows."""
        numbers = checks.tokens("tokens", tokens)
        where = None if sequences is None else checks.tokens("sequences", sequences)
        flags = None if want_logits is None else [checks.flag("want_logits", want) for want in checks.items("want_logits", want_logits, "a list of bools")]
        for other in (where, flags):
            if other is not None and len(other) != len(numbers):
                raise InvalidArgument(Status.INVALID_ARGUMENT, f"{len(numbers)} tokens, but {len(other)} values for them")
        wanted = None if flags is None else (ctypes.c_uint8 * len(flags))(*flags)
        self._interruptibly(len(numbers), lambda: self._library("context_eval_batch", self._handle, numbers, where, wanted, len(numbers)))

    def logits(self, row: int = 0) -> memoryview:
        """A row of the logits last computed: floats in memory of its own, which numpy.asarray views without a copy."""
        buffer = (ctypes.c_float * self._vocab_size)()
        count = ctypes.c_size_t()
        self._library("context_copy_logits", self._handle, checks.integer("row", row), buffer, self._vocab_size, count)
        return memoryview(buffer).cast("B").cast("f")

    def sample(self, *, row: int = 0, sequence: int = 0, **sampling: Any) -> int:
        """Chooses the next token of a sequence from a row of logits; eval runs it."""
        token = ctypes.c_int32()
        self._library("context_sample", self._handle, checks.integer("row", row), checks.integer("sequence", sequence),
                      sampling_options(self._library, **sampling), token)
        return token.value

    def embed(self, text: str | Sequence[int], *, normalize: bool = True) -> memoryview:
        """A vector for a text, as the model's file says (else the mean of the last hidden states), of length 1 if normalized."""
        if isinstance(text, (str, bytes)) and not text:
            raise InvalidArgument(Status.INVALID_ARGUMENT, "the text to embed is empty")
        tokens, normalized = checks.tokens("text", self._tokens(text)), checks.flag("normalize", normalize)
        vector = self._interruptibly(len(tokens), lambda: self._library.fill(
            ctypes.c_float, self._embedding_length, "context_embed", self._handle, tokens, len(tokens), normalized))
        return memoryview(vector).cast("B").cast("f")

    def rank(self, query: str, document: str) -> list[float]:
        """How well a document answers a query, by a model that ranks: one score, or one for each of the model's labels."""
        asked, text = checks.text("query", query), checks.text("document", document)
        return list(self._interruptibly(len(text), lambda: self._library.fill(
            ctypes.c_float, 1, "context_rank", self._handle, asked, len(asked), text, len(text))))

    def _tokens(self, text: str | bytes | Sequence[int], *, prompt: bool = False) -> Sequence[int]:
        """The tokens of a text, or the tokens that are given instead."""
        if not isinstance(text, (str, bytes)):
            return text
        return encode(self._library, held(self._model, "context").value, text, prompt=prompt)

    def tokens(self, sequence: int = 0) -> list[int]:
        """What a sequence holds."""
        return list(self._library.fill(ctypes.c_int32, 0, "sequence_tokens", self._handle, checks.integer("sequence", sequence)))

    def copy(self, source: int, target: int) -> None:
        """Makes one sequence hold what another one holds."""
        self._library("sequence_copy", self._handle, checks.integer("source", source), checks.integer("target", target))

    def remove(self, sequence: int = 0) -> None:
        """Empties a sequence."""
        self._library("sequence_remove", self._handle, checks.integer("sequence", sequence))

    def trim(self, length: int, *, sequence: int = 0) -> None:
        """Makes a sequence forget its tokens from a length on."""
        if checks.integer("length", length) < 0:
            raise InvalidArgument(Status.INVALID_ARGUMENT, f"length: expected 0 or more, found {length}")
        self._library("sequence_trim", self._handle, checks.integer("sequence", sequence), int(length))

    def save(self, sequence: int = 0) -> bytes:
        """What a sequence holds, to be loaded later or elsewhere."""
        return bytes(self._library.fill(ctypes.c_char, 0, "state_save", self._handle, checks.integer("sequence", sequence)))

    def load(self, state: bytes, *, sequence: int = 0) -> None:
        """Replaces what a sequence holds by a saved one."""
        data = checks.data("state", state)
        self._library("state_load", self._handle, checks.integer("sequence", sequence), ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))

    def save_file(self, path: str | os.PathLike[str], *, sequence: int = 0) -> None:
        """Saves to a file, which takes the place of an older one when it is complete."""
        name = os.fsencode(path)
        self._library("state_save_file", self._handle, checks.integer("sequence", sequence), name, len(name))

    def load_file(self, path: str | os.PathLike[str], *, sequence: int = 0) -> None:
        """Loads from a file."""
        name = os.fsencode(path)
        self._library("state_load_file", self._handle, checks.integer("sequence", sequence), name, len(name))
