"""Finds the C library that suits this processor and loads it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Any

from . import _structs as s
from .errors import EdgeLlmError, Status, error_for

ABI_MAJOR = 1

_V3 = {"avx2", "bmi1", "bmi2", "fma", "movbe", "abm"}
_V4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_WINDOWS_AVX2, _WINDOWS_AVX512F = 40, 41  # processor features of IsProcessorFeaturePresent


def processor_levels() -> list[str]:
    """The levels of the library that this processor runs, best first. A library above them would refuse every call."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ["baseline"]
    v3 = v4 = False
    if sys.platform.startswith("linux"):
        flags = _cpuinfo_flags()
        v3, v4 = _V3 <= flags, _V4 <= flags
    elif sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        v3, v4 = bool(present(_WINDOWS_AVX2)), bool(present(_WINDOWS_AVX512F))
    elif sys.platform == "darwin":
        v3 = _sysctl("hw.optional.avx2_0")
        v4 = _sysctl("hw.optional.avx512f") and _sysctl("hw.optional.avx512vl")
    return [*(["v4"] if v3 and v4 else []), *(["v3"] if v3 else []), "baseline"]


def _cpuinfo_flags() -> set[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


def _sysctl(name: str) -> bool:
    value, length = ctypes.c_int(0), ctypes.c_size_t(4)
    function = ctypes.CDLL(None).sysctlbyname
    return function(name.encode(), ctypes.byref(value), ctypes.byref(length), None, 0) == 0 and value.value != 0


def _file_name() -> str:
    return {"win32": "libedge_llm.dll", "darwin": "libedge_llm.dylib"}.get(sys.platform, f"libedge_llm.so.{ABI_MAJOR}")


def _find() -> str:
    """EDGE_LLM_LIBRARY; or the best one inside the package; or whichever the system's loader finds."""
    if named := os.environ.get("EDGE_LLM_LIBRARY"):
        return named
    for level in processor_levels():
        candidate = Path(__file__).parent / "lib" / level / _file_name()
        if candidate.exists():
            return str(candidate)
    return _file_name()


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
        status = int(function(*arguments))
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


def _text(pointer: int | None, length: int) -> str:
    return ctypes.string_at(pointer, length).decode("utf-8", "replace") if pointer else ""


_loaded: Library | None = None


def library() -> Library:
    """The library, loaded at the first call."""
    global _loaded
    if _loaded is None:
        path = _find()
        try:
            _loaded = Library(path)
        except (OSError, AttributeError) as error:
            raise EdgeLlmError(Status.INVALID_FILE, f"cannot load {path}: {error}; EDGE_LLM_LIBRARY may name the library") from error
    return _loaded
