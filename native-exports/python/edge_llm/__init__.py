"""Edge.Llm: large language models on CPUs and small boards.

    from edge_llm import Model

    with Model("model.gguf") as model, model.context(n_threads=4) as context:
        for piece in context.generate("Once upon a time", max_tokens=64, temperature=0.7):
            print(piece, end="", flush=True)
"""

from __future__ import annotations

from dataclasses import dataclass

from . import _structs
from ._library import _text, library, processor_levels
from .adapter import Adapter, AdapterInfo
from .answers import Stream
from .context import Context, Counters
from .errors import EdgeLlmError, InvalidArgument, OutOfMemory, Status
from .generation import Generation, Logprobs, Part, Piece
from .llm import LLM
from .model import MemoryPlan, Model, ModelInfo
from .request import Request, RequestStatistics

__all__ = ["LLM", "Adapter", "AdapterInfo", "Context", "Counters", "EdgeLlmError", "Features", "Generation",
           "InvalidArgument", "Logprobs", "MemoryPlan", "Model", "ModelInfo", "OutOfMemory", "Part", "Piece", "Request", "RequestStatistics",
           "Status", "Stream", "features", "processor_levels", "version"]


@dataclass(frozen=True)
class Features:
    """What the loaded library can do on this machine."""

    path: str
    level: str
    instruction_set: str
    default_threads: int
    offload_plugins: int


def version() -> str:
    """The library's version."""
    info = _structs.VersionInfo()
    library()("version", info)
    return _text(info.text, info.text_length)


def features() -> Features:
    """The loaded library."""
    info = _structs.FeatureInfo()
    library()("features", info)
    return Features(library().path, _text(info.level, info.level_length), _text(info.instruction_set, info.instruction_set_length),
                    info.default_threads, info.offload_plugins)
