"""Models: files, their metadata and tokenizers."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from . import _structs as s
from . import checks
from ._library import Handle, Library, library
from .adapter import Adapter
from .errors import EdgeLlmError, Status
from .options import context_options, offload_options
from .options import overrides as override_texts

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

    n_gpu_layers are layers for a device, the last ones, the output matrix counted as one; -1: as many as fit, which may be none, as log is told.
    offload is the plug-in that runs them, or "auto": one with a GPU that is found. offload_kqv: whether their keys and values lie on the device.
    offload_devices are numbers of its devices, offload_split their shares; offload_inexact takes a device that does not give the CPU's own bits.
    overrides are values in the place of the file's metadata, as in {"llama.rope.freq_base": 1e6}.
    log is called with a level (1 error, 2 warning, 3 information, 4 debugging) and a text.
    """

    def __init__(self, model_path: str | os.PathLike[str], *, use_mmap: bool = True, use_mlock: bool = False, n_gpu_layers: int = 0,
                 offload_kqv: bool = True, offload: str | os.PathLike[str] = "auto", offload_devices: Sequence[int] = (),
                 offload_split: Sequence[float] = (), offload_inexact: bool = False, rope_freq_base: float = 0.0, rope_freq_scale: float = 0.0,
                 overrides: Mapping[str, int | float | bool | str] | None = None,
                 log: Callable[[int, str], None] | None = None, log_level: int = 3) -> None:
        path = os.fsencode(model_path)
        options = self._options(rope_freq_base, rope_freq_scale, overrides, log, log_level)
        options.use_mmap, options.use_mlock = checks.flag("use_mmap", use_mmap), checks.flag("use_mlock", use_mlock)
        offload_options(options, n_gpu_layers, offload_kqv, offload, offload_devices, offload_split, offload_inexact)
        self._open("model_open", path, len(path), options)

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview, *, n_gpu_layers: int = 0, offload_kqv: bool = True,
                   offload: str | os.PathLike[str] = "auto", offload_devices: Sequence[int] = (), offload_split: Sequence[float] = (),
                   offload_inexact: bool = False, rope_freq_base: float = 0.0, rope_freq_scale: float = 0.0,
                   overrides: Mapping[str, int | float | bool | str] | None = None,
                   log: Callable[[int, str], None] | None = None, log_level: int = 3) -> Model:
        """A model from the bytes of a GGUF file, which are copied."""
        model = cls.__new__(cls)
        options = model._options(rope_freq_base, rope_freq_scale, overrides, log, log_level)
        offload_options(options, n_gpu_layers, offload_kqv, offload, offload_devices, offload_split, offload_inexact)
        source = checks.data("data", data)
        model._open("model_open_memory", ctypes.cast(ctypes.c_char_p(source), ctypes.c_void_p), len(source), options)
        return model

    def _options(self, rope_freq_base: float, rope_freq_scale: float, overrides: Mapping[str, int | float | bool | str] | None,
                 log: Callable[[int, str], None] | None, log_level: int) -> s.Struct:
        self._library = library()
        options = self._library.defaults(s.ModelOptions(), "model")
        options.rope_freq_base, options.rope_freq_scale = rope_freq_base, rope_freq_scale
        options.log_level = log_level
        texts = override_texts(overrides)
        options.overrides = (s.Text * len(texts))(*[s.Text(text, len(text)) for text in texts])
        options.override_count = len(texts)
        # Kept by the model and its contexts: the library may call it as long as one of them is there.
        self._log = s.LogCallback(0)
        if log is not None:
            if not callable(log):
                raise checks.wrong_type("log", "a callable", log)
            report = log
            self._log = s.LogCallback(lambda _, level, text, length: report(level, ctypes.string_at(text, length).decode("utf-8", "replace")))
        options.log = self._log
        return options

    def _open(self, function: str, data: object, length: int, options: s.Struct) -> None:
        handle = ctypes.c_void_p()
        self._library(function, data, length, options, handle)
        self._held: Handle | None = Handle(self._library, "model_close", handle.value, self._log)  # contexts hold it as well

    @property
    def _handle(self) -> int | None:
        return held(self._held, "model").value

    def close(self) -> None:
        """Ends the use of the model through this; its contexts stay usable, and the file is closed with the last of them. Closing twice does
        nothing."""
        self._held = None

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
        plan = s.MemoryPlan()
        draft = options.pop("draft_model", None)
        given = context_options(self._library, **options, draft_model=None if draft is None else draft_handle(draft))
        self._library("model_plan", self._handle, given, plan)
        return MemoryPlan(plan.weights, plan.kv_cache, plan.activations, plan.total)

    def load_adapter(self, path: str | os.PathLike[str]) -> Adapter:
        """Loads a LoRA adapter, a GGUF file for this model, to be given to contexts and sequences."""
        return Adapter(self._library, self._handle, self._log, path)

    def context(self, **options: Any) -> Context:
        """A context over this model: see Context."""
        from .context import Context

        return Context(self, **options)

    def tokenize(self, text: str | bytes, *, add_special: bool = True, parse_special: bool = True, prompt: bool = False) -> list[int]:
        """The tokens of a text. As a prompt, which is to be continued, it never ends with the model's end of text."""
        return encode(self._library, self._handle, text, add_special=add_special, parse_special=parse_special, prompt=prompt)

    def detokenize(self, tokens: Sequence[int], *, special: bool = False) -> str:
        """The text of tokens."""
        numbers = checks.tokens("tokens", tokens)
        flags = _RENDER_SPECIAL if checks.flag("special", special) else 0
        return self._library.bytes("detokenize", self._handle, numbers, len(numbers), flags).decode("utf-8", "replace")

    def token_bytes(self, token: int, *, special: bool = False) -> bytes:
        """The bytes of one token: often not whole characters."""
        flags = _RENDER_SPECIAL if checks.flag("special", special) else 0
        return self._library.bytes("token_text", self._handle, checks.integer("token", token), flags)

    def chat_tokenize(self, messages: Iterable[Message], **options: Any) -> list[int]:
        """The prompt of a conversation as tokens; messages and tools as in a chat request. Options: those of chat_render."""
        array, chat, keep = chat_request(self._library, messages, **options)
        tokens = self._library.fill(ctypes.c_int32, 1024, "chat_tokenize", self._handle, array, len(array), chat)
        del keep
        return list(tokens)

    def chat_render(self, messages: Iterable[Message], **options: Any) -> str:
        """The same as text, to look at. Options: chat_template, template_name, tools, variables, add_generation_prompt, date
        (seconds since 1970; None: the present)."""
        array, chat, keep = chat_request(self._library, messages, **options)
        text = self._library.bytes("chat_render", self._handle, array, len(array), chat)
        del keep
        return text.decode("utf-8", "replace")


def draft_handle(model: Any) -> int | None:
    """The handle of a model that drafts."""
    if not isinstance(model, Model):
        raise checks.wrong_type("draft_model", "a Model", model)
    return held(model._held, "draft_model").value


def held(handle: Handle | None, what: str) -> Handle:
    """A handle that was not closed."""
    if handle is None:
        raise EdgeLlmError(Status.INVALID_HANDLE, f"{what}: not a valid handle: it is closed")
    return handle


def encode(loaded: Library, handle: int | None, text: str | bytes, *, add_special: bool = True, parse_special: bool = True,
           prompt: bool = False) -> list[int]:
    """The tokens of a text."""
    data = checks.text("text", text)
    flags = 0
    for name, value, bit in (("add_special", add_special, _ADD_SPECIAL), ("parse_special", parse_special, _PARSE_SPECIAL), ("prompt", prompt, _PROMPT)):
        flags |= bit if checks.flag(name, value) else 0
    return list(loaded.fill(ctypes.c_int32, len(data) + 2, "tokenize", handle, data, len(data), flags))


def _message(message: Any) -> dict[str, Any]:
    """A message as a dict, be it one of ours or of OpenAI's client."""
    if hasattr(message, "model_dump"):
        message = message.model_dump(exclude_none=True)
    elif isinstance(message, SimpleNamespace):
        message = {name: value for name, value in vars(message).items() if value is not None}
    if not isinstance(message, Mapping):
        raise checks.wrong_type("messages", "mappings, as {'role': 'user', 'content': 'hi'}", message)
    if not isinstance(message.get("content"), (str, list, tuple, type(None))):
        raise checks.wrong_type("content", "a str or a list of parts", message["content"])
    return dict(message)


def chat_request(loaded: Library, messages: Iterable[Message], *, chat_template: str | None = None, template_name: str | None = None,
          tools: Sequence[Mapping[str, Any]] | None = None, variables: Mapping[str, Any] | None = None, add_generation_prompt: bool = True,
          date: float | None = None) -> tuple[ctypes.Array[s.ChatMessage], s.Struct, list[bytes]]:
    """A conversation as C has it, and what must be kept for it."""
    keep = [json.dumps(_message(message)).encode() for message in checks.items("messages", messages, "a list of messages")]
    array = (s.ChatMessage * len(keep))(*[s.ChatMessage(json=text, json_length=len(text)) for text in keep])
    options = loaded.defaults(s.ChatOptions(), "chat")
    options.add_generation_prompt = checks.flag("add_generation_prompt", add_generation_prompt)
    options.date = 0 if date is None else int(checks.real("date", date))
    for name, value in (("chat_template", chat_template), ("template_name", template_name), ("tools", _tools(tools)), ("variables", _variables(variables))):
        if value is None:
            continue
        if not isinstance(value, str):
            raise checks.wrong_type(name, "str", value)
        keep.append(value.encode())
        setattr(options, name, keep[-1])
        setattr(options, name + "_length", len(keep[-1]))
    return array, options, keep


def _tools(tools: Any) -> str | None:
    if tools is None:
        return None
    several = checks.items("tools", tools, "a list of function descriptions")
    for i, tool in enumerate(several):
        if not isinstance(tool, Mapping):
            raise checks.wrong_type(f"tools[{i}]", "a mapping", tool)
    return json.dumps(several)


def _variables(variables: Any) -> str | None:
    if variables is None:
        return None
    if not isinstance(variables, Mapping):
        raise checks.wrong_type("variables", "a mapping", variables)
    return json.dumps(dict(variables))
