"""The state of a computation as bytes: structs with arrays in them, read without running code."""

from typing import Any, TypeVar

import msgspec
import numpy as np

from embodied_mem.errors import StoreFormatError

State = TypeVar("State")


def encode(state: msgspec.Struct) -> bytes:
    """Write a struct, arrays included, bit for bit."""
    return msgspec.msgpack.encode(state, enc_hook=_pack)


def decode(data: bytes, kind: type[State]) -> State:
    """Read what `encode` wrote.

    Raises:
        StoreFormatError: It is something else.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_unpack)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise StoreFormatError(
            f"the checkpoint of a video cannot be read: {error}. Begin a new store."
        ) from error


def _pack(value: object) -> object:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, list(value.shape), np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a checkpoint cannot hold {type(value).__name__}")


def _unpack(kind: type, value: Any) -> object:
    if kind is not np.ndarray:
        raise NotImplementedError(f"a checkpoint cannot hold {kind.__name__}")
    dtype, shape, data = value
    if np.dtype(dtype).hasobject:
        raise ValueError("arrays of objects are not read")
    return np.frombuffer(data, dtype).reshape(shape).copy()
