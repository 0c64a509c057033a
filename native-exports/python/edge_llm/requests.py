"""What OpenAI's client may send: what is done, what changes nothing, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import checks
from .errors import EdgeLlmError, InvalidArgument, Status

_GENERATE = ("max_tokens", "stop", "ignore_eos", "render_special", "timeout", "temperature", "top_k", "top_p", "min_p", "repeat_penalty",
             "repeat_last_n", "presence_penalty", "frequency_penalty", "seed", "logit_bias", "dynatemp_range", "dynatemp_exponent", "top_n_sigma",
             "typical_p", "xtc_probability", "xtc_threshold", "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n",
             "dry_breakers", "mirostat", "mirostat_tau", "mirostat_eta", "samplers", "grammar", "regex", "json_schema", "json_whitespace", "json_any_order", "salt")

# For the service that OpenAI is, not for the answer.
_NOT_FOR_THE_ANSWER = ("model", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "stream_options")

# Values that ask for nothing beside what is done anyway. None is one everywhere.
_HARMLESS: dict[str, dict[str, tuple[Any, ...]]] = {
    "chat.completions": {
        "logprobs": (False,), "top_logprobs": (0,), "modalities": (["text"],), "functions": ([],), "function_call": ("auto", "none"), "audio": (), "prediction": (),
        "reasoning_effort": ("none",), "verbosity": ("medium",), "web_search_options": (),
    },
    "completions": {"logprobs": (), "best_of": (1,), "echo": (False,), "suffix": ("",)},
    "embeddings": {},
}


def answer_options(call: str, options: dict[str, Any], stream: bool) -> tuple[int, dict[str, Any]]:
    """How many answers are asked for, and the options of Context.generate among those of a request. The rest is refused by name."""
    given = {name: value for name, value in options.items() if value is not None}
    n = checks.integer("n", given.pop("n", 1))
    if n < 1 or (n > 1 and stream):
        raise EdgeLlmError(Status.UNSUPPORTED, f"n: expected 1{'' if stream else ' or more'}, found {n}")
    if "stream_options" in given and not stream:
        raise InvalidArgument(Status.INVALID_ARGUMENT, "stream_options: expected none without stream=True")
    if "max_completion_tokens" in given:
        given["max_tokens"] = given.pop("max_completion_tokens")
    known = {name: given.pop(name) for name in _GENERATE if name in given}
    if call == "chat.completions" and "response_format" in given:
        known.update(_response_format(given.pop("response_format")))
    refuse_unknown(call, {name: value for name, value in given.items() if name not in _NOT_FOR_THE_ANSWER})
    if "logit_bias" in known:
        known["logit_bias"] = _tokens_as_numbers(known["logit_bias"])
    return n, known


def refuse_unknown(call: str, options: dict[str, Any]) -> None:
    """Throws unless each option is known to change nothing."""
    harmless = _HARMLESS[call]
    for name, value in options.items():
        if name not in harmless:
            raise TypeError(f"{call}.create() got an unexpected keyword argument {name!r}")
        if value is not None and not any(type(value) is type(each) and value == each for each in harmless[name]):
            expected = " or ".join(map(repr, (*harmless[name], None)))
            raise EdgeLlmError(Status.UNSUPPORTED, f"{name} is not supported: expected {expected}, found {value!r}")


def include_usage(options: Any) -> bool:
    """Whether a stream ends with a part that says what it took."""
    if options is None:
        return False
    if not isinstance(options, Mapping):
        raise checks.wrong_type("stream_options", "a mapping", options)
    for name in options:
        if name not in ("include_usage", "include_obfuscation"):
            raise EdgeLlmError(Status.UNSUPPORTED, f"stream_options: expected include_usage, found {name!r}")
    return bool(checks.flag("include_usage", options.get("include_usage", False)))


def _response_format(form: Any) -> dict[str, Any]:
    """The form of an answer as Context.generate has it."""
    if not isinstance(form, Mapping):
        raise checks.wrong_type("response_format", "a mapping", form)
    kind = form.get("type")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"json_schema": {"type": "object"}}
    if kind != "json_schema":
        raise EdgeLlmError(Status.UNSUPPORTED, f"response_format: expected type text, json_object or json_schema, found {kind!r}")
    schema = form["json_schema"].get("schema") if isinstance(form.get("json_schema"), Mapping) else None
    if not isinstance(schema, (Mapping, bool)):
        raise checks.wrong_type("response_format.json_schema.schema", "a mapping", schema)
    return {"json_schema": schema}


def _tokens_as_numbers(bias: Any) -> dict[Any, Any]:
    """JSON has texts as keys."""
    if not isinstance(bias, Mapping):
        raise checks.wrong_type("logit_bias", "a mapping of tokens to numbers", bias)
    return {int(token) if isinstance(token, str) else token: value for token, value in bias.items()}
