"""Options by the names that Python has for them, as the structs of C."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from . import _structs as s
from . import checks
from ._library import Library
from .adapter import adapter_scales
from .errors import InvalidArgument, Status

CACHE_TYPES = {name: number for number, name in enumerate(("f16", "f32", "q8_0", "bf16", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"))}


def context_options(loaded: Library, *, n_ctx: int | None = None, n_batch: int = 512, n_threads: int | None = None, type_k: str = "f16",
                    type_v: str = "f16", n_seq_max: int = 1, logits_rows: int = 0, seed: int | None = None,
                    prompt_cache: str | os.PathLike[str] | None = None, prompt_cache_bytes: int | None = None,
                    prefix_sharing: bool = True, lookup: bool = False, draft_tokens: int | None = None, draft_model: int | None = None) -> s.Struct:
    """The options of a context as C has them."""
    for name, value in (("type_k", type_k), ("type_v", type_v)):
        if not isinstance(value, str) or value not in CACHE_TYPES:
            raise InvalidArgument(Status.INVALID_ARGUMENT, f"{name}: expected one of {', '.join(CACHE_TYPES)}, found {value!r}")
    options = loaded.defaults(s.ContextOptions(), "context")
    if n_ctx is not None:
        options.context_size = checks.integer("n_ctx", n_ctx)
    options.batch_size, options.max_sequences = checks.integer("n_batch", n_batch), checks.integer("n_seq_max", n_seq_max)
    options.threads = 0 if n_threads is None else checks.integer("n_threads", n_threads)
    options.logits_rows = logits_rows
    options.cache_type_k, options.cache_type_v = CACHE_TYPES[type_k], CACHE_TYPES[type_v]
    if seed is not None:
        options.seed = checks.seed(seed)
    if prompt_cache is not None:
        options.prompt_cache = folder = os.fsencode(prompt_cache)
        options.prompt_cache_length = len(folder)
    if prompt_cache_bytes is not None:
        options.prompt_cache_bytes = checks.integer("prompt_cache_bytes", prompt_cache_bytes)
    options.lookup = checks.flag("lookup", lookup)
    options.draft_tokens = 0 if draft_tokens is None else checks.integer("draft_tokens", draft_tokens)
    options.draft_model = draft_model
    options.no_prefix_sharing = 1 - checks.flag("prefix_sharing", prefix_sharing)
    return options


def offload_options(options: s.Struct, n_gpu_layers: int, offload_kqv: bool, offload: str | os.PathLike[str], offload_devices: Sequence[int],
                    offload_split: Sequence[float], offload_inexact: bool) -> None:
    """Writes which layers run on a device into the options of a model."""
    options.n_gpu_layers, options.offload_kqv = n_gpu_layers, checks.flag("offload_kqv", offload_kqv)
    plugin = os.fsencode(offload)
    devices = [checks.integer("offload_devices", number) for number in checks.items("offload_devices", offload_devices, "numbers of devices")]
    for number in devices:
        s.check_range(ctypes.c_int32, number, "offload_devices")
    shares = [checks.real("offload_split", share) for share in checks.items("offload_split", offload_split, "shares of the layers")]
    options.offload, options.offload_length = plugin, len(plugin)
    options.offload_devices, options.offload_device_count = (ctypes.c_int32 * len(devices))(*devices), len(devices)
    options.offload_split, options.offload_split_count = (ctypes.c_double * len(shares))(*shares), len(shares)
    options.offload_inexact = checks.flag("offload_inexact", offload_inexact)


def overrides(values: Mapping[str, Any] | None) -> list[bytes]:
    """Values in the place of a file's metadata, as C has them."""
    if values is None:
        return []
    if not isinstance(values, Mapping):
        raise checks.wrong_type("overrides", "a mapping of keys to values", values)
    texts = []
    for key, value in values.items():
        if not isinstance(key, str):
            raise checks.wrong_type("overrides", "str as a key", key)
        if isinstance(value, bool):
            text = f"{key}=bool:{'true' if value else 'false'}"
        elif isinstance(value, str):
            text = f"{key}=str:{value}"
        elif isinstance(value, Integral):
            text = f"{key}=int:{int(value)}"
        else:
            text = f"{key}=float:{checks.real(f'overrides[{key!r}]', value)!r}"
        texts.append(text.encode())
    return texts


def sampling_options(loaded: Library, *, temperature: float | None = None, top_k: int | None = None, top_p: float | None = None,
                     min_p: float | None = None, repeat_penalty: float | None = None, repeat_last_n: int | None = None,
                     presence_penalty: float | None = None, frequency_penalty: float | None = None, seed: int | None = None,
                     logit_bias: Mapping[int, float] | None = None, dynatemp_range: float | None = None, dynatemp_exponent: float | None = None,
                     top_n_sigma: float | None = None, typical_p: float | None = None, xtc_probability: float | None = None,
                     xtc_threshold: float | None = None, dry_multiplier: float | None = None, dry_base: float | None = None,
                     dry_allowed_length: int | None = None, dry_penalty_last_n: int | None = None, dry_breakers: Sequence[str] | None = None,
                     mirostat: int | None = None, mirostat_tau: float | None = None, mirostat_eta: float | None = None,
                     samplers: str | None = None) -> s.Struct:
    """The sampling options as C has them; None is the default."""
    given = dict(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repeat_penalty=repeat_penalty, repeat_last_n=repeat_last_n,
                 presence_penalty=presence_penalty, frequency_penalty=frequency_penalty, dynatemp_range=dynatemp_range,
                 dynatemp_exponent=dynatemp_exponent, top_n_sigma=top_n_sigma, typical_p=typical_p, xtc_probability=xtc_probability,
                 xtc_threshold=xtc_threshold, dry_multiplier=dry_multiplier, dry_base=dry_base, dry_allowed_length=dry_allowed_length,
                 dry_penalty_last_n=dry_penalty_last_n, mirostat=mirostat, mirostat_tau=mirostat_tau, mirostat_eta=mirostat_eta)
    options = loaded.defaults(s.SamplingOptions(), "sampling")
    for name, value in given.items():
        if value is not None:
            setattr(options, name, value)
    if seed is not None:
        options.seed = checks.seed(seed)
    if logit_bias is not None:
        if not isinstance(logit_bias, Mapping):
            raise checks.wrong_type("logit_bias", "a mapping of tokens to numbers", logit_bias)
        tokens = checks.tokens("logit_bias", list(logit_bias))
        biases = [checks.real(f"logit_bias[{token}]", bias) for token, bias in logit_bias.items()]
        options.logit_bias = (s.LogitBias * len(biases))(*map(s.LogitBias, tokens, biases))
        options.logit_bias_count = len(biases)
    if dry_breakers is not None:
        texts = checks.texts("dry_breakers", dry_breakers) or [b""]  # one empty text: none
        options.dry_breakers, options.dry_breaker_count = (s.Text * len(texts))(*[s.Text(text, len(text)) for text in texts]), len(texts)
    if samplers is not None:
        name = checks.text("samplers", samplers)
        options.samplers, options.samplers_length = name, len(name)
    return options


def generate_options(loaded: Library, *, max_tokens: int | None = None, stop: str | Sequence[str] | None = None, ignore_eos: bool = False,
                     render_special: bool = False, sequence: int = 0, timeout: float | None = None, grammar: str | None = None,
                     regex: str | None = None, json_schema: str | Mapping[str, Any] | bool | None = None, json_whitespace: str = "any",
                     json_any_order: bool = False, salt: str | None = None, priority: int = 0, choice: int = 0, draft_tokens: int | None = None,
                     adapters: Sequence[Any] | None = None, context_shift: bool = False, keep: int = 0, logprobs: int = 0, **sampling: Any) -> s.Struct:
    """What to generate, as C has it."""
    options = loaded.defaults(s.GenerateOptions(), "generate")
    chosen = sampling_options(loaded, **sampling)
    texts = checks.texts("stop", stop)
    options.max_tokens = -1 if max_tokens is None else max_tokens
    options.ignore_eos, options.render_special = checks.flag("ignore_eos", ignore_eos), checks.flag("render_special", render_special)
    options.sequence = sequence
    options.deadline = milliseconds(timeout)
    options.sampling = ctypes.pointer(chosen)
    options.stop = (s.Text * len(texts))(*[s.Text(text, len(text)) for text in texts])
    options.stop_count = len(texts)
    if (form := grammar_option(grammar, regex, json_schema)) is not None:
        options.grammar_kind, options.grammar, options.grammar_length = form[0], form[1], len(form[1])
    options.grammar_flags = grammar_flags(json_whitespace, json_any_order)
    if salt is not None:
        options.salt = kept = checks.text("salt", salt)
        options.salt_length = len(kept)
    options.priority, options.choice = priority, choice
    options.context_shift, options.keep, options.logprobs = checks.flag("context_shift", context_shift), keep, logprobs
    if draft_tokens is not None:
        options.draft_tokens = checks.integer("draft_tokens", draft_tokens) or -1
    if adapters is not None:
        scales = adapter_scales(adapters) or (s.AdapterScale * 1)()
        options.adapters, options.adapter_count = scales, len(adapters)
    return options


def grammar_option(grammar: str | None, regex: str | None, json_schema: str | Mapping[str, Any] | bool | None) -> tuple[int, bytes] | None:
    """What a text must look like, as C has it: the kind and the text."""
    given = [(kind, name, value) for kind, name, value in ((1, "grammar", grammar), (2, "regex", regex), (3, "json_schema", json_schema)) if value is not None]
    if len(given) > 1:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"{given[0][1]} and {given[1][1]}: expected one of them")
    if not given:
        return None
    kind, name, value = given[0]
    if kind == 3 and isinstance(value, (Mapping, bool)):
        value = json.dumps(value if isinstance(value, bool) else dict(value))
    return kind, checks.text(name, value)


def grammar_flags(json_whitespace: str, json_any_order: bool) -> int:
    """How JSON is written, as C has it."""
    kinds = ("any", "none", "spaced")
    if json_whitespace not in kinds:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"json_whitespace: expected one of {', '.join(kinds)}, found {json_whitespace!r}")
    return kinds.index(json_whitespace) | (4 if checks.flag("json_any_order", json_any_order) else 0)


def milliseconds(seconds: float | None) -> int:
    """A time from now as C has it: what has passed is 0, none is -1."""
    return -1 if seconds is None else max(0, int(min(checks.real("seconds", seconds), 1e12) * 1000))


def answer_options(loaded: Library, tool_choice: Any, parallel_tool_calls: bool, reasoning_budget: int | None) -> s.Struct:
    """What an answer may hold besides text, as C has it."""
    options = loaded.defaults(s.AnswerOptions(), "answer")
    choices = ("auto", "none", "required")
    if isinstance(tool_choice, Mapping):
        function = tool_choice.get("function", tool_choice)
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str):
            raise InvalidArgument(Status.INVALID_ARGUMENT, "tool_choice: expected a mapping that names a function")
        options.tool_name = name.encode()
        options.tool_name_length = len(options.tool_name)
    elif isinstance(tool_choice, str) and tool_choice in choices:
        options.tool_choice = choices.index(tool_choice)
    else:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"tool_choice: expected {', '.join(choices)} or a function, found {tool_choice!r}")
    options.single_tool_call = 1 - checks.flag("parallel_tool_calls", parallel_tool_calls)
    options.reasoning_budget = -1 if reasoning_budget is None else checks.integer("reasoning_budget", reasoning_budget)
    return options
