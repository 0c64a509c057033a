"""Checks of what callers give: a wrong type is a TypeError that names the argument, never a guess at what was meant."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from typing import Any

from .errors import InvalidArgument, Status


def wrong_type(name: str, expected: str, found: object) -> TypeError:
    """The error for a value of another type."""
    return TypeError(f"{name}: expected {expected}, found {type(found).__name__}")


def integer(name: str, value: Any) -> int:
    """An integer, which a bool is not."""
    if type(value) is int:
        return value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    raise wrong_type(name, "an integer", value)


def real(name: str, value: Any) -> float:
    """A number, which a bool is not."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    raise wrong_type(name, "a number", value)


def flag(name: str, value: Any) -> int:
    """A bool, or 0 or 1, as C has it."""
    if isinstance(value, (bool, Integral)) and value in (0, 1):
        return int(value)
    raise wrong_type(name, "a bool", value)


def seed(value: Any) -> int:
    """A seed of 64 bits, signed or not, as C has it."""
    number = integer("seed", value)
    if not -(1 << 63) <= number < 1 << 64:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"seed: expected {-(1 << 63)} to {(1 << 64) - 1}, found {number}")
    return number % (1 << 64)


def data(name: str, value: Any, expected: str = "bytes") -> bytes:
    """Bytes. (bytes(5) would be five zeros, and bytes([5]) one byte.)"""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise wrong_type(name, expected, value)


def text(name: str, value: Any) -> bytes:
    """A text as UTF-8."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else data(name, value, "str or bytes")


def items(name: str, value: Any, expected: str) -> list[Any]:
    """The elements of a list, a tuple, an array; a text or a mapping is none, though it can be iterated over."""
    if isinstance(value, (str, bytes, bytearray, memoryview, Mapping, Set)) or not isinstance(value, Iterable):
        raise wrong_type(name, expected, value)
    return list(value.tolist() if hasattr(value, "tolist") else value)


def texts(name: str, value: Any) -> list[bytes]:
    """No, one or several texts."""
    if value is None:
        return []
    several = [value] if isinstance(value, str) else items(name, value, "a str or a list of them")
    for i, each in enumerate(several):
        if not isinstance(each, str):
            raise wrong_type(f"{name}[{i}]", "str", each)
    return [each.encode() for each in several]


def tokens(name: str, value: Any) -> ctypes.Array[ctypes.c_int32]:
    """Tokens as C has them."""
    numbers = items(name, value, "a list of tokens")
    for i, number in enumerate(numbers):
        if type(number) is not int:
            numbers[i] = integer(f"{name}[{i}]", number)
    try:
        packed = array("i", numbers)
    except OverflowError as error:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"{name}: a token is no number of 32 bits: {error}") from error
    return (ctypes.c_int32 * len(packed)).from_buffer(packed) if packed else (ctypes.c_int32 * 0)()


def many_inputs(name: str, value: Any) -> list[Any]:
    """OpenAI's four forms of an input, as a list: a text, tokens, several texts, several lists of tokens."""
    if isinstance(value, (str, bytes)):
        return [value]
    several = items(name, value, "a str, a list of tokens, or a list of either")
    if not several:
        raise InvalidArgument(Status.INVALID_ARGUMENT, f"{name}: expected a text or tokens, found none")
    return several if all(isinstance(each, (str, bytes)) or not isinstance(each, Real) for each in several) else [several]
