"""LoRA adapters."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _structs as s
from . import checks
from ._library import Handle, Library


@dataclass(frozen=True)
class AdapterInfo:
    """What there is to know about an adapter; what it adds has the factor alpha / rank, or 1 where alpha is 0."""

    rank: int
    tensor_count: int
    alpha: float
    file_bytes: int


class Adapter:
    """A LoRA adapter, loaded for a model by Model.load_adapter. Sequences that have it cannot go on once it is closed."""

    def __init__(self, loaded: Library, model: int | None, log: object, path: str | os.PathLike[str]) -> None:
        name = os.fsencode(path)
        handle = ctypes.c_void_p()
        loaded("adapter_load", model, name, len(name), handle)
        self._library = loaded
        self._held: Handle | None = Handle(loaded, "adapter_close", handle.value, log)

    @property
    def _handle(self) -> int | None:
        from .model import held

        return held(self._held, "adapter").value

    def close(self) -> None:
        """Frees it. Closing twice does nothing."""
        if self._held is not None:
            self._held.close()
        self._held = None

    def __enter__(self) -> Adapter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def info(self) -> AdapterInfo:
        """Sizes."""
        info = s.AdapterInfo()
        self._library("adapter_get_info", self._handle, info)
        return AdapterInfo(info.rank, info.tensor_count, info.alpha, info.file_bytes)

    def metadata(self, key: str) -> str:
        """The value of a key of its file, such as adapter.lora.task_name, as text."""
        name = checks.text("key", key)
        return self._library.bytes("adapter_metadata", self._handle, name, len(name)).decode("utf-8", "replace")


def adapter_scales(adapters: Iterable[Any]) -> ctypes.Array[s.AdapterScale]:
    """Adapters, or pairs of an adapter and a scale, as C has them."""
    scales = []
    for i, item in enumerate(checks.items("adapters", adapters, "a list of adapters")):
        adapter, scale = item if isinstance(item, tuple) and len(item) == 2 else (item, 1.0)
        if not isinstance(adapter, Adapter):
            raise checks.wrong_type(f"adapters[{i}]", "an Adapter or a pair of one and a scale", adapter)
        scales.append(s.AdapterScale(adapter._handle, checks.real(f"adapters[{i}]", scale), 0))
    return (s.AdapterScale * len(scales))(*scales)
