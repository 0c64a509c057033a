"""Models: files, their metadata and tokenizers."""

from __future__ import annotations

import ctypes
import json
import os
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _structs as s
from ._library import library
from .errors import InvalidArgument, Status

if TYPE_CHECKING:
    from .context import Context

Message = Mapping[str, Any]

_ADD_SPECIAL, _PARSE_SPECIAL, _PROMPT, _RENDER_SPECIAL = 1, 2, 4, 1


@dataclass(frozen=True)
class ModelInfo:
    """What there is to know about a model; tokens that it does not have are -1."""

    architecture: str
    name: str
    vocab_size: int
    context_length: int
    embedding_length: int
    block_count: int
    head_count: int
    head_count_kv: int
    bos_token: int
    eos_token: int
    eot_token: int
    pad_token: int
    unk_token: int
    add_bos: bool
    add_eos: bool
    has_tokenizer: bool
    has_chat_template: bool
    file_count: int
    gpu_layers: int
    file_bytes: int
    parameter_count: int


@dataclass(frozen=True)
class MemoryPlan:
    """The bytes that a context takes."""

    weights: int
    kv_cache: int
    activations: int
    total: int


class Model:
    """An open GGUF file. Any number of threads may use one; its contexts outlive it.

    n_gpu_layers and offload_kqv are for an offload plug-in; while none is loaded all layers stay on the CPU, and the log says so.
    log is called with a level (1 error, 2 warning, 3 information, 4 debugging) and a text.
    """

    def __init__(self, model_path: str | os.PathLike[str], *, use_mmap: bool = True, use_mlock: bool = False, n_gpu_layers: int = 0,
                 offload_kqv: bool = True, rope_freq_base: float = 0.0, rope_freq_scale: float = 0.0,
                 log: Callable[[int, str], None] | None = None, log_level: int = 3) -> None:
        path = os.fsencode(model_path)
        options = self._options(use_mmap, use_mlock, n_gpu_layers, offload_kqv, rope_freq_base, rope_freq_scale, log, log_level)
        self._open("model_open", path, len(path), options)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview, *, log: Callable[[int, str], None] | None = None, log_level: int = 3) -> Model:
        """A model from the bytes of a GGUF file, which are copied."""
        model = cls.__new__(cls)
        options = model._options(True, False, 0, True, 0.0, 0.0, log, log_level)
        source = data if isinstance(data, bytes) else bytes(data)
        model._open("model_open_memory", ctypes.cast(ctypes.c_char_p(source), ctypes.c_void_p), len(source), options)
        return model

    def _options(self, use_mmap: bool, use_mlock: bool, n_gpu_layers: int, offload_kqv: bool, rope_freq_base: float, rope_freq_scale: float,
                 log: Callable[[int, str], None] | None, log_level: int) -> s.Struct:
        self._library = library()
        options = self._library.defaults(s.ModelOptions(), "model")
        options.use_mmap, options.use_mlock = int(use_mmap), int(use_mlock)
        options.n_gpu_layers, options.offload_kqv = n_gpu_layers, int(offload_kqv)
        options.rope_freq_base, options.rope_freq_scale = rope_freq_base, rope_freq_scale
        options.log_level = log_level
        # Kept by the model and its contexts: the library may call it as long as one of them is there.
        self._log = s.LogCallback(0)
        if log is not None:
            report = log
            self._log = s.LogCallback(lambda _, level, text, length: report(level, ctypes.string_at(text, length).decode("utf-8", "replace")))
        options.log = self._log
        return options

    def _open(self, function: str, data: object, length: int, options: s.Struct) -> None:
        handle = ctypes.c_void_p()
        self._library(function, data, length, options, handle)
        self._handle = handle.value
        self._closer = weakref.finalize(self, _close, self._library, "model_close", self._handle, self._log)

    def close(self) -> None:
        """Gives the handle back; contexts stay usable. Closing twice does nothing."""
        self._closer()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def info(self) -> ModelInfo:
        """Sizes, special tokens, names."""
        info = s.ModelInfo()
        self._library("model_get_info", self._handle, info)
        values = {name: getattr(info, name) for name in ModelInfo.__dataclass_fields__}
        for name in ("add_bos", "add_eos", "has_tokenizer", "has_chat_template"):
            values[name] = bool(values[name])
        for name in ("architecture", "name"):
            values[name] = values[name].decode("utf-8", "replace")
        return ModelInfo(**values)

    @property
    def metadata(self) -> dict[str, str]:
        """All keys with their values as text; arrays as their type and count."""
        count = ctypes.c_size_t()
        self._library("model_metadata_count", self._handle, count)
        keys = [self._library.bytes("model_metadata_key", self._handle, i) for i in range(count.value)]
        return {key.decode(): self._library.bytes("model_metadata", self._handle, key, len(key)).decode("utf-8", "replace") for key in keys}

    def plan(self, **options: Any) -> MemoryPlan:
        """The memory that a context of these options takes: those of Context. Allocates nothing."""
        from .context import context_options

        plan = s.MemoryPlan()
        self._library("model_plan", self._handle, context_options(self._library, **options), plan)
        return MemoryPlan(plan.weights, plan.kv_cache, plan.activations, plan.total)

    def context(self, **options: Any) -> Context:
        """A context over this model: see Context."""
        from .context import Context

        return Context(self, **options)

    def tokenize(self, text: str | bytes, *, add_special: bool = True, parse_special: bool = True, prompt: bool = False) -> list[int]:
        """The tokens of a text. As a prompt, which is to be continued, it never ends with the model's end of text."""
        if not isinstance(text, (str, bytes, bytearray, memoryview)):  # bytes(5) would be five zeros
            raise TypeError(f"text: expected str or bytes, found {type(text).__name__}")
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        flags = (_ADD_SPECIAL if add_special else 0) | (_PARSE_SPECIAL if parse_special else 0) | (_PROMPT if prompt else 0)
        return list(self._library.fill(ctypes.c_int32, len(data) + 2, "tokenize", self._handle, data, len(data), flags))

    def detokenize(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The text of tokens."""
        flags = _RENDER_SPECIAL if special else 0
        return self._library.bytes("detokenize", self._handle, token_array(tokens), len(tokens), flags).decode("utf-8", "replace")

    def token_bytes(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token: often not whole characters."""
        return self._library.bytes("token_text", self._handle, token, _RENDER_SPECIAL if special else 0)

    def chat_tokenize(self, messages: Iterable[Message], **options: Any) -> list[int]:
        """The prompt of a conversation as tokens; messages and tools as in a chat request. Options: those of chat_render."""
        array, chat, keep = _chat(self._library, messages, **options)
        tokens = self._library.fill(ctypes.c_int32, 1024, "chat_tokenize", self._handle, array, len(array), chat)
        del keep
        return list(tokens)

    def chat_render(self, messages: Iterable[Message], **options: Any) -> str:
        """The same as text, to look at. Options: chat_template, template_name, tools, variables, add_generation_prompt, date
        (seconds since 1970; None: the present)."""
        array, chat, keep = _chat(self._library, messages, **options)
        text = self._library.bytes("chat_render", self._handle, array, len(array), chat)
        del keep
        return text.decode("utf-8", "replace")


def token_array(tokens: Sequence[int]) -> ctypes.Array[ctypes.c_int32]:
    """Tokens as C has them."""
    try:
        numbers = array("i", tokens)
    except OverflowError as error:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"a token is no number of 32 bits: {error}") from error
    return (ctypes.c_int32 * len(numbers)).from_buffer(numbers) if numbers else (ctypes.c_int32 * 0)()


def _close(loaded: Any, function: str, handle: int | None, _kept: object) -> None:
    loaded.function(function)(handle)


def _chat(loaded: Any, messages: Iterable[Message], *, chat_template: str | None = None, template_name: str | None = None,
          tools: Sequence[Mapping[str, Any]] | None = None, variables: Mapping[str, Any] | None = None, add_generation_prompt: bool = True,
          date: float | None = None) -> tuple[ctypes.Array[s.ChatMessage], s.Struct, list[bytes]]:
    keep = [json.dumps(dict(message)).encode() for message in messages]
    array = (s.ChatMessage * len(keep))(*[s.ChatMessage(json=text, json_length=len(text)) for text in keep])
    options = loaded.defaults(s.ChatOptions(), "chat")
    options.add_generation_prompt, options.date = int(add_generation_prompt), int(date or 0)
    for name, value in (("chat_template", chat_template), ("template_name", template_name),
                        ("tools", None if tools is None else json.dumps(list(tools))),
                        ("variables", None if variables is None else json.dumps(dict(variables)))):
        if value is not None:
            keep.append(value.encode())
            setattr(options, name, keep[-1])
            setattr(options, name + "_length", len(keep[-1]))
    return array, options, keep
