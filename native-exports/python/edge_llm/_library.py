"""Finds the C library that suits this processor and loads it."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import weakref
from pathlib import Path
from typing import Any

from . import _structs as s
from .errors import EdgeLlmError, Status, error_for

ABI_MAJOR = 1

LEVELS = ("v4", "v3", "baseline")  # the wheel's, best first

_log = logging.getLogger("edge_llm")


def _file_name() -> str:
    return {"win32": "libedge_llm.dll", "darwin": "libedge_llm.dylib"}.get(sys.platform, f"libedge_llm.so.{ABI_MAJOR}")


def _load() -> Library:
    """EDGE_LLM_LIBRARY; or the best one inside the package; or whichever the system's loader finds. Each library knows the processor that it
    was built for, by CPUID, and refuses every call on a lesser one."""
    plugins = Path(__file__).parent / "lib" / "plugins"
    if plugins.is_dir():  # the levels share them
        os.environ.setdefault("EDGE_LLM_OFFLOAD", str(plugins))
    if named := os.environ.get("EDGE_LLM_LIBRARY"):
        return _opened(named)
    packaged = [path for path in (Path(__file__).parent / "lib" / level / _file_name() for level in LEVELS) if path.exists()]
    for path in packaged[:-1]:
        try:
            return _opened(str(path))
        except EdgeLlmError as error:
            if error.status != Status.UNSUPPORTED:
                raise
            _log.info("%s is left out: %s", path, error.message)
    return _opened(str(packaged[-1]) if packaged else _file_name())


def _opened(path: str) -> Library:
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        raise EdgeLlmError(Status.INVALID_FILE, f"cannot load {path}: {error}; EDGE_LLM_LIBRARY may name the library") from error


class Library:
    """The functions, without their prefix; each throws unless its status is success or one that the caller expects."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._functions = {}
        library = ctypes.CDLL(path)
        for name, arguments in s.FUNCTIONS.items():
            function = getattr(library, "edge_llm_" + name)
            function.argtypes, function.restype = arguments, ctypes.c_int
            self._functions[name] = function
        version = s.VersionInfo()
        self("version", version)
        if version.abi_major != ABI_MAJOR:
            raise EdgeLlmError(Status.UNSUPPORTED, f"{path} has interface version {version.abi_major}, expected {ABI_MAJOR}")

    def __call__(self, name: str, *arguments: object, expect: tuple[int, ...] = ()) -> int:
        function = self._functions[name]
        for kind, value in zip(function.argtypes, arguments):
            if isinstance(value, int):
                s.check_range(kind, value, name)
        try:
            status = int(function(*arguments))
        except ctypes.ArgumentError as error:
            raise TypeError(f"{name}: {error}") from error
        if status != 0 and status not in expect:
            raise self.error(status)
        return status

    def function(self, name: str) -> Any:
        """A bare function, for loops that look at the status themselves."""
        return self._functions[name]

    def error(self, status: int) -> EdgeLlmError:
        """The exception for the last failure of this thread."""
        error = s.Error()
        self._functions["last_error"](error)
        return error_for(status, _text(error.message, error.message_length), _text(error.detail, error.detail_length))

    def fill(self, element: Any, guess: int, name: str, *arguments: object) -> Any:
        """Calls a function that fills a buffer: with room for a guess, and if that is too little, for what there is."""
        count = ctypes.c_size_t()
        buffer = (element * max(guess, 1))()
        if self(name, *arguments, buffer, len(buffer), count, expect=(Status.BUFFER_TOO_SMALL,)):
            buffer = (element * count.value)()
            self(name, *arguments, buffer, len(buffer), count)
        return (element * count.value).from_buffer(buffer)

    def bytes(self, name: str, *arguments: object) -> bytes:
        return bytes(self.fill(ctypes.c_char, 256, name, *arguments))

    def defaults(self, structure: s.Struct, name: str) -> s.Struct:
        self(name + "_options_default", structure, ctypes.sizeof(structure))
        return structure


class Handle:
    """What the library gave out: given back when nobody refers to this any more. kept is what the library may call until then."""

    def __init__(self, loaded: Library, close: str, value: int | None, kept: object) -> None:
        self.value = value
        self.close = weakref.finalize(self, give_back, loaded, close, value, kept)


def give_back(loaded: Library, close: str, value: int | None, _kept: object) -> None:
    """Closes a handle."""
    loaded.function(close)(value)


def _text(pointer: int | None, length: int) -> str:
    return ctypes.string_at(pointer, length).decode("utf-8", "replace") if pointer else ""


_loaded: Library | None = None


def library() -> Library:
    """The library, loaded at the first call."""
    global _loaded
    if _loaded is None:
        _loaded = _load()
        _warn_of_scalar(_loaded)
    return _loaded


def _warn_of_scalar(loaded: Library) -> None:
    info = s.FeatureInfo()
    if loaded.function("features")(info) or _text(info.instruction_set, info.instruction_set_length) != "scalar" or os.environ.get("EDGE_LLM_ISA"):
        return
    _log.warning("%s, built for level %s, computes with scalar kernels here, which are slow; a library of level v3 or v4, which a processor with "
                 "AVX2 runs, is not beside it or refused this one", loaded.path, _text(info.level, info.level_length))


def processor_levels() -> list[str]:
    """The levels of the library that this processor is known to run, best first: that of the loaded one, and those below it."""
    info = s.FeatureInfo()
    library()("features", info)
    level = _text(info.level, info.level_length)
    return list(LEVELS[LEVELS.index(level):]) if level in LEVELS else [level]
