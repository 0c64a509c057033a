"""The structs and functions of edge_llm.h, as ctypes sees them. The header says what they mean."""

from __future__ import annotations

import ctypes as c
from typing import Any

from .checks import integer, real
from .errors import InvalidArgument, Status

ZERO_TERMINATED = c.c_size_t(-1).value
RANDOM_SEED = (1 << 64) - 1

i32, u32, i64, u64, f32, size, ptr = c.c_int32, c.c_uint32, c.c_int64, c.c_uint64, c.c_float, c.c_size_t, c.c_void_p

LogCallback = c.CFUNCTYPE(None, ptr, i32, ptr, size)
ReleaseCallback = c.CFUNCTYPE(None, ptr, ptr, size)
ReadyCallback = c.CFUNCTYPE(None, ptr)


_RANGES: dict[Any, tuple[int, int]] = {i32: (-(1 << 31), (1 << 31) - 1), u32: (0, (1 << 32) - 1), i64: (-(1 << 63), (1 << 63) - 1),
                                       size: (0, (1 << 64) - 1), u64: (0, (1 << 64) - 1)}


def check_range(kind: Any, value: int, name: str) -> None:
    """ctypes takes any number and keeps its lowest bits."""
    least, most = _RANGES.get(kind, (value, value))
    if not least <= value <= most:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"{name}: expected {least} to {most}, found {value}")


class Struct(c.Structure):
    """A struct that begins with its size."""

    def __init__(self) -> None:
        super().__init__(struct_size=c.sizeof(self))

    def __setattr__(self, name: str, value: Any) -> None:
        kind = dict(self._fields_)[name]
        if kind in _RANGES:
            value = integer(name, value)
            check_range(kind, value, name)
        elif kind is f32:
            value = real(name, value)
        super().__setattr__(name, value)


class Text(c.Structure):
    _fields_ = [("data", c.c_char_p), ("length", size)]


def _struct(name: str, /, **fields: type) -> type[Struct]:
    return type(name, (Struct,), {"_fields_": [("struct_size", u32), *fields.items()]})


VersionInfo = _struct("VersionInfo", abi_major=u32, abi_minor=u32, arithmetic=u32, text=ptr, text_length=size)
FeatureInfo = _struct("FeatureInfo", features=u32, default_threads=i32, offload_plugins=i32, level=ptr, level_length=size,
                      instruction_set=ptr, instruction_set_length=size)
Error = _struct("Error", code=i32, message=ptr, message_length=size, detail=ptr, detail_length=size)
ModelOptions = _struct("ModelOptions", use_mmap=i32, use_mlock=i32, n_gpu_layers=i32, offload_kqv=i32, log_level=i32, rope_freq_base=f32,
                       rope_freq_scale=f32, log=LogCallback, log_user=ptr, release=ReleaseCallback, release_user=ptr, overrides=c.POINTER(Text),
                       override_count=size, offload=c.c_char_p, offload_length=size, offload_devices=c.POINTER(i32), offload_device_count=size,
                       offload_split=c.POINTER(c.c_double), offload_split_count=size, offload_inexact=i32, reserved=u32)
ModelInfo = _struct("ModelInfo", vocab_size=i32, context_length=i32, embedding_length=i32, block_count=i32, head_count=i32, head_count_kv=i32,
                    bos_token=i32, eos_token=i32, eot_token=i32, pad_token=i32, unk_token=i32, add_bos=i32, add_eos=i32, has_tokenizer=i32,
                    has_chat_template=i32, file_count=i32, gpu_layers=i32, file_bytes=i64, parameter_count=i64, architecture=c.c_char * 64,
                    name=c.c_char * 128)
ChatOptions = _struct("ChatOptions", add_generation_prompt=i32, chat_template=c.c_char_p, chat_template_length=size, template_name=c.c_char_p,
                      template_name_length=size, tools=c.c_char_p, tools_length=size, variables=c.c_char_p, variables_length=size, date=i64)
ContextOptions = _struct("ContextOptions", context_size=i32, batch_size=i32, logits_rows=i32, threads=i32, cache_type_k=i32, cache_type_v=i32,
                         max_sequences=i32, seed=u64, prompt_cache=c.c_char_p, prompt_cache_length=size, prompt_cache_bytes=i64,
                         no_prefix_sharing=i32, lookup=i32, draft_tokens=i32, reserved=u32, draft_model=ptr)
MemoryPlan = _struct("MemoryPlan", reserved=u32, weights=i64, kv_cache=i64, activations=i64, total=i64)
Counters = _struct("Counters", finish=i32, seed=u64, prompt_tokens=i64, reused_tokens=i64, generated_tokens=i64, prompt_nanoseconds=i64,
                   generation_nanoseconds=i64, evaluated_tokens=i64, evaluation_nanoseconds=i64, kv_bytes=i64, activation_bytes=i64,
                   restored_tokens=i64, forced_tokens=i64, drafted_tokens=i64, accepted_tokens=i64, shifted_tokens=i64)


class TokenLogprob(c.Structure):
    _fields_ = [("token", i32), ("logprob", f32)]


Piece = _struct("Piece", token=i32, finish=i32, id=u32, text=ptr, text_length=size, logprob=f32, sampled_logprob=f32, top=c.POINTER(TokenLogprob),
                top_count=size, sampled_top=c.POINTER(TokenLogprob), sampled_top_count=size)

AnswerOptions = _struct("AnswerOptions", tool_choice=i32, tool_name=c.c_char_p, tool_name_length=size, single_tool_call=i32, reasoning_budget=i32)
Part = _struct("Part", kind=i32, index=i32, reserved=u32, text=ptr, text_length=size, id=ptr, id_length=size, name=ptr, name_length=size)


class ChatMessage(c.Structure):
    _fields_ = [("role", c.c_char_p), ("role_length", size), ("content", c.c_char_p), ("content_length", size), ("json", c.c_char_p),
                ("json_length", size)]


AdapterInfo = _struct("AdapterInfo", rank=i32, tensor_count=i32, alpha=f32, file_bytes=i64)


class AdapterScale(c.Structure):
    _fields_ = [("adapter", ptr), ("scale", f32), ("reserved", u32)]


class LogitBias(c.Structure):
    _fields_ = [("token", i32), ("bias", f32)]


SamplingOptions = _struct("SamplingOptions", temperature=f32, top_k=i32, top_p=f32, min_p=f32, repeat_penalty=f32, repeat_last_n=i32,
                          presence_penalty=f32, frequency_penalty=f32, reserved=u32, seed=u64, logit_bias=c.POINTER(LogitBias),
                          logit_bias_count=size, dynatemp_range=f32, dynatemp_exponent=f32, top_n_sigma=f32, typical_p=f32, xtc_probability=f32,
                          xtc_threshold=f32, dry_multiplier=f32, dry_base=f32, dry_allowed_length=i32, dry_penalty_last_n=i32, mirostat=i32,
                          mirostat_tau=f32, mirostat_eta=f32, reserved2=u32, dry_breakers=c.POINTER(Text), dry_breaker_count=size, samplers=c.c_char_p,
                          samplers_length=size)
GenerateOptions = _struct("GenerateOptions", max_tokens=i32, ignore_eos=i32, render_special=i32, sequence=i32, id=u32, deadline=i64,
                          sampling=c.POINTER(SamplingOptions), stop=c.POINTER(Text), stop_count=size, prefill=ptr, prefill_user=ptr,
                          grammar=c.c_char_p, grammar_length=size, grammar_kind=i32, grammar_flags=u32, salt=c.c_char_p, salt_length=size,
                          priority=i32, choice=u32, draft_tokens=i32, context_shift=i32, keep=i32, logprobs=i32, adapters=c.POINTER(AdapterScale), adapter_count=size,
                          ready=ReadyCallback, ready_user=ptr)
RequestStatistics = _struct("RequestStatistics", finish=i32, seed=u64, prompt_tokens=i64, reused_tokens=i64, restored_tokens=i64,
                            generated_tokens=i64, forced_tokens=i64, evaluated_tokens=i64, drafted_tokens=i64, accepted_tokens=i64, shifted_tokens=i64,
                            preemptions=i64,
                            prompt_nanoseconds=i64, generation_nanoseconds=i64)

_p = c.POINTER
_bytes = (c.c_char_p, size)
_tokens = (_p(i32), size)
_buffer = (ptr, size, _p(size))

FUNCTIONS: dict[str, tuple[type, ...]] = {
    "version": (_p(VersionInfo),),
    "features": (_p(FeatureInfo),),
    "status_name": (i32, _p(ptr), _p(size)),
    "last_error": (_p(Error),),
    "model_options_default": (_p(ModelOptions), size),
    "chat_options_default": (_p(ChatOptions), size),
    "context_options_default": (_p(ContextOptions), size),
    "sampling_options_default": (_p(SamplingOptions), size),
    "generate_options_default": (_p(GenerateOptions), size),
    "model_open": (*_bytes, _p(ModelOptions), _p(ptr)),
    "model_open_memory": (ptr, size, _p(ModelOptions), _p(ptr)),
    "model_close": (ptr,),
    "model_get_info": (ptr, _p(ModelInfo)),
    "model_metadata_count": (ptr, _p(size)),
    "model_metadata_key": (ptr, size, *_buffer),
    "model_metadata": (ptr, *_bytes, *_buffer),
    "model_plan": (ptr, _p(ContextOptions), _p(MemoryPlan)),
    "tokenize": (ptr, *_bytes, u32, *_buffer),
    "detokenize": (ptr, *_tokens, u32, *_buffer),
    "token_text": (ptr, i32, u32, *_buffer),
    "chat_tokenize": (ptr, _p(ChatMessage), size, _p(ChatOptions), *_buffer),
    "chat_render": (ptr, _p(ChatMessage), size, _p(ChatOptions), *_buffer),
    "adapter_load": (ptr, *_bytes, _p(ptr)),
    "adapter_close": (ptr,),
    "adapter_get_info": (ptr, _p(AdapterInfo)),
    "adapter_metadata": (ptr, *_bytes, *_buffer),
    "context_set_adapters": (ptr, _p(AdapterScale), size),
    "sequence_set_adapters": (ptr, i32, _p(AdapterScale), size),
    "context_create": (ptr, _p(ContextOptions), _p(ptr)),
    "context_close": (ptr,),
    "context_cancel": (ptr,),
    "context_set_deadline": (ptr, i64),
    "context_get_options": (ptr, _p(ContextOptions)),
    "context_get_counters": (ptr, _p(Counters)),
    "context_eval": (ptr, i32, *_tokens),
    "context_eval_batch": (ptr, _p(i32), _p(i32), _p(c.c_uint8), size),
    "context_copy_logits": (ptr, size, *_buffer),
    "context_embed": (ptr, *_tokens, i32, *_buffer),
    "context_rank": (ptr, *_bytes, *_bytes, *_buffer),
    "context_sample": (ptr, size, i32, _p(SamplingOptions), _p(i32)),
    "context_start": (ptr, *_tokens, _p(GenerateOptions)),
    "context_next": (ptr, _p(Piece)),
    "answer_options_default": (_p(AnswerOptions), size),
    "context_start_chat": (ptr, _p(ChatMessage), size, _p(ChatOptions), _p(AnswerOptions), _p(GenerateOptions)),
    "context_next_part": (ptr, _p(Part)),
    "context_step": (ptr, _p(size)),
    "context_start_thread": (ptr,),
    "request_submit": (ptr, *_tokens, _p(GenerateOptions), size, _p(ptr)),
    "request_submit_chat": (ptr, _p(ChatMessage), size, _p(ChatOptions), _p(AnswerOptions), _p(GenerateOptions), size, _p(ptr)),
    "request_next": (ptr, _p(Piece)),
    "request_wait": (ptr, _p(Piece)),
    "request_next_part": (ptr, _p(Part)),
    "request_get_statistics": (ptr, _p(RequestStatistics)),
    "request_cancel": (ptr,),
    "request_close": (ptr,),
    "sequence_tokens": (ptr, i32, *_buffer),
    "sequence_copy": (ptr, i32, i32),
    "sequence_remove": (ptr, i32),
    "sequence_trim": (ptr, i32, size),
    "state_save": (ptr, i32, *_buffer),
    "state_load": (ptr, i32, ptr, size),
    "state_save_file": (ptr, i32, *_bytes),
    "state_load_file": (ptr, i32, *_bytes),
}
