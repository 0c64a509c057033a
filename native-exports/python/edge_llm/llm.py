"""A model and its contexts in one, with the calls of OpenAI's client."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from . import checks
from .answers import Frame, Stream, choice, delta, embedding, message, usage
from .context import Context
from .errors import EdgeLlmError, Status
from .generation import Generation, Piece
from .model import Message, Model
from .requests import answer_options, include_usage, refuse_unknown


class LLM:
    """llm = LLM("model.gguf", n_ctx=4096); llm.chat.completions.create(messages=[...]); llm("Once upon a time", max_tokens=64).

    Takes the options of Model and Context; adapters are files of LoRA adapters, or pairs of a file and a scale. Any threads may use it. One
    computes at a time: a request waits while another one is answered, and a stream while its next part is not its turn. A stream that is not
    read to its end keeps a context of its own until it is closed or collected; of these there are at most max_streams.
    """

    def __init__(self, model_path: str | os.PathLike[str], *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None,
                 n_gpu_layers: int = 0, offload_kqv: bool = True, offload: str | os.PathLike[str] = "auto", offload_devices: Sequence[int] = (),
                 offload_split: Sequence[float] = (), offload_inexact: bool = False, use_mmap: bool = True, use_mlock: bool = False,
                 type_k: str = "f16", type_v: str = "f16", seed: int | None = None, chat_template: str | None = None, max_streams: int = 4,
                 overrides: Mapping[str, int | float | bool | str] | None = None, adapters: Sequence[Any] = (),
                 prompt_cache: str | os.PathLike[str] | None = None, prompt_cache_bytes: int | None = None, verbose: bool = False) -> None:
        self.name = os.path.basename(os.fspath(model_path))
        self._chat_template, self._seed = chat_template, seed
        self._turn = threading.RLock()  # held by who computes; a signal handler may come between
        log = _print if checks.flag("verbose", verbose) else None
        self.model = Model(model_path, n_gpu_layers=n_gpu_layers, offload_kqv=offload_kqv, offload=offload, offload_devices=offload_devices,
                           offload_split=offload_split, offload_inexact=offload_inexact, use_mmap=use_mmap, use_mlock=use_mlock,
                           overrides=overrides, log=log)
        try:
            loaded = [(self.model.load_adapter(path), scale) for path, scale in map(_with_scale, checks.items("adapters", adapters, "a list of files"))]
            most = checks.integer("max_streams", max_streams)
            self._contexts = _Contexts(lambda: Context(self.model, n_ctx=n_ctx, n_batch=n_batch, n_threads=n_threads, type_k=type_k,
                                                       type_v=type_v, seed=seed, adapters=loaded, prompt_cache=prompt_cache,
                                                       prompt_cache_bytes=prompt_cache_bytes), most)
        except BaseException:
            self.model.close()
            raise
        self.context = self._contexts.first
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create_chat))
        self.completions = SimpleNamespace(create=self._create_completion)
        self.embeddings = SimpleNamespace(create=self._create_embeddings)

    def close(self) -> None:
        """Closes the contexts and the model. To read on in a stream raises."""
        self._contexts.close()
        self.model.close()

    def __enter__(self) -> LLM:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, prompt: str | Sequence[int], **options: Any) -> Piece:
        """The text that follows a prompt, with a finish_reason."""
        return Piece.joined(self._answer(self._tokens(prompt), options)[0])

    def _create_chat(self, *, messages: Iterable[Message], stream: bool | None = False, tools: Sequence[Any] | None = None,
                     tool_choice: str | Mapping[str, Any] | None = None, parallel_tool_calls: bool | None = None, reasoning_budget: int | None = None,
                     **options: Any) -> Any:
        streams = bool(checks.flag("stream", False if stream is None else stream))
        n, known = answer_options("chat.completions", options, streams)
        turns = list(checks.items("messages", messages, "a list of messages"))
        choose = "auto" if tool_choice is None else tool_choice
        tokens = self.model.chat_tokenize(turns, tools=None if choose == "none" else tools, chat_template=self._chat_template)
        chat = {"messages": turns, "tools": tools, "tool_choice": choose, "parallel_tool_calls": parallel_tool_calls is not False,
                "reasoning_budget": reasoning_budget, "chat_template": self._chat_template}
        frame = Frame("chatcmpl", self.name)
        if streams:
            called = []

            def part(piece: Piece, first: bool) -> SimpleNamespace:
                called.extend(each for each in piece.parts if each.kind == "call_end")
                return frame.part("chat.completion.chunk", [choice(0, piece, calls=bool(called), delta=delta(piece.parts, first))])

            return self._stream(tokens, known, options, part, chat)

        def whole(index: int, joined: Piece) -> SimpleNamespace:
            answer = message(joined.parts)
            return choice(index, joined, calls=answer.tool_calls is not None, message=answer)

        return self._whole(frame, "chat.completion", [tokens], n, known, whole, chat)

    def _create_completion(self, *, prompt: str | Sequence[Any], stream: bool | None = False, **options: Any) -> Any:
        streams = bool(checks.flag("stream", False if stream is None else stream))
        n, known = answer_options("completions", options, streams)
        prompts = [self._tokens(each) for each in checks.many_inputs("prompt", prompt)]
        frame = Frame("cmpl", self.name)
        if not streams:
            return self._whole(frame, "text_completion", prompts, n, known, lambda index, joined: choice(index, joined, text=str(joined)))
        if len(prompts) != 1:
            raise EdgeLlmError(Status.UNSUPPORTED, f"prompt: expected one with stream=True, found {len(prompts)}")
        return self._stream(prompts[0], known, options, lambda piece, _: frame.part("text_completion", [choice(0, piece, text=str(piece))]))

    def _create_embeddings(self, *, input: str | Sequence[Any], encoding_format: str | None = None, dimensions: int | None = None,
                           model: str | None = None, user: str | None = None, **others: Any) -> Any:
        refuse_unknown("embeddings", others)
        length = self.model.info.embedding_length
        if dimensions is not None and checks.integer("dimensions", dimensions) != length:
            raise EdgeLlmError(Status.UNSUPPORTED, f"dimensions: expected {length}, the model's, found {dimensions}")
        data, count = [], 0
        with self._turn, self._contexts.borrowed([]) as context:
            for i, each in enumerate(checks.many_inputs("input", input)):
                tokens = self.model.tokenize(each) if isinstance(each, (str, bytes)) and each else each  # an empty one is for embed to refuse
                data.append(embedding(i, context.embed(tokens), "float" if encoding_format is None else encoding_format))
                count += len(tokens)
        return SimpleNamespace(object="list", model=self.name, data=data, usage=SimpleNamespace(prompt_tokens=count, total_tokens=count))

    def _tokens(self, prompt: str | bytes | Sequence[int]) -> list[int]:
        return self.model.tokenize(prompt, prompt=True) if isinstance(prompt, (str, bytes)) else list(checks.tokens("prompt", prompt))

    def _answer(self, tokens: list[int], options: dict[str, Any], chat: dict[str, Any] | None = None) -> tuple[list[Piece], SimpleNamespace]:
        with self._turn, self._contexts.borrowed(tokens) as context:
            return list(_begin(context, tokens, options, chat)), usage(context)

    def _whole(self, frame: Frame, kind: str, prompts: list[list[int]], n: int, options: dict[str, Any],
               make: Callable[[int, Piece], SimpleNamespace], chat: dict[str, Any] | None = None) -> SimpleNamespace:
        choices: list[SimpleNamespace] = []
        seed = options.get("seed", self._seed)
        total = SimpleNamespace(prompt_tokens=0, completion_tokens=0, total_tokens=0)
        for i, tokens in enumerate(prompts):
            for k in range(n):
                # The same seed would give the same text again.
                seeded = options | {"seed": seed + k} if k > 0 and seed is not None else options
                pieces, used = self._answer(tokens, seeded, chat)
                choices.append(make(i * n + k, Piece.joined(pieces)))
                total.completion_tokens += used.completion_tokens
            total.prompt_tokens += used.prompt_tokens
        total.total_tokens = total.prompt_tokens + total.completion_tokens
        return frame.whole(kind, choices, total)

    def _stream(self, tokens: list[int], known: dict[str, Any], options: dict[str, Any], make: Callable[[Piece, bool], SimpleNamespace],
                chat: dict[str, Any] | None = None) -> Stream:
        with_usage = include_usage(options.get("stream_options"))
        with self._turn:
            context = self._contexts.take(tokens, for_stream=True)
            try:
                pieces = _begin(context, tokens, known, chat)
            except BaseException:
                self._contexts.give_back(context)
                raise
            return Stream(self._turn, context, self._contexts.give_back, pieces, make, with_usage)


class _Contexts:
    """The contexts of one model: one for each request that is under way, made when it is needed and kept for the next one."""

    def __init__(self, make: Callable[[], Context], max_streams: int) -> None:
        self._make, self._max_streams = make, max_streams
        self.first = make()
        self._all, self._idle = [self.first], [self.first]

    def take(self, tokens: Sequence[int], *, for_stream: bool) -> Context:
        """An idle context, that one which holds most of a prompt, or else a new one. Its caller has the turn."""
        # All but the idle ones are those of half-read streams: any other request gives its own back before its turn ends.
        streams = len(self._all) - len(self._idle)
        if for_stream and streams >= self._max_streams:
            raise EdgeLlmError(Status.BUSY, f"{streams} streams are not read to their end: close one, or make the LLM with a larger max_streams")
        if not self._idle:
            context = self._make()
            self._all.append(context)
            return context
        nearest = max(list(self._idle), key=lambda context: _common(context.tokens(), tokens))
        self._idle.remove(nearest)
        return nearest

    def give_back(self, context: Context) -> None:
        """Ends the use of a context. For a stream that is collected this runs at any moment, so it waits for nothing."""
        self._idle.append(context)

    @contextlib.contextmanager
    def borrowed(self, tokens: Sequence[int]) -> Iterator[Context]:
        """A context for the time of a request."""
        context = self.take(tokens, for_stream=False)
        try:
            yield context
        finally:
            self.give_back(context)

    def close(self) -> None:
        """Closes all."""
        for context in self._all:
            context.close()


def _begin(context: Context, tokens: list[int], options: dict[str, Any], chat: dict[str, Any] | None) -> Generation:
    """The answer to a prompt, or to a chat whose prompt it is."""
    return context.generate(tokens, **options) if chat is None else context.chat(**chat, **options)


def _with_scale(adapter: Any) -> tuple[Any, float]:
    """A file and its scale."""
    path, scale = adapter if isinstance(adapter, tuple) and len(adapter) == 2 else (adapter, 1.0)
    return path, scale


def _common(held: Sequence[int], tokens: Sequence[int]) -> int:
    """The length of what two lists have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(held, tokens)) if a != b), min(len(held), len(tokens)))


def _print(_: int, text: str) -> None:
    if sys.stderr is not None:  # it is closed; print would take the standard output instead
        print(f"edge_llm: {text}", file=sys.stderr)
