"""Read and write safetensors files with NumPy alone: strictly on the way in, atomically on the way out."""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_safetensors", "save_safetensors"]

# The format's names for what NumPy itself can hold; files are little-endian always.
_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_HEADER_LIMIT = 100_000_000  # bytes; the limit of the format's own reader
_METADATA = "__metadata__"
_DIGEST = "lamina.sha256"  # the metadata's key for the SHA-256 of all data bytes, in hexadecimal


def save_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays to a safetensors file, replacing an older one in a single step.

    Parameters
    ----------
    path : path
        The file to write. Its folder must exist; ``<path>.tmp`` beside it is used on the way.
    tensors : mapping of str to ndarray
        Arrays of any shape, of boolean, integer (8 to 64 bits) or floating (16, 32, 64 bits) dtype.
    metadata : mapping of str to str, optional
        Free text that is stored in the header. The key "lamina.sha256" is taken: it holds the data's checksum.

    Raises
    ------
    TypeError
        If a name or a piece of metadata is not a string, or a tensor is not an array.
    ValueError
        If a tensor's dtype has no name in the format, or a tensor or a key has a name that is taken.
    OSError
        If the file cannot be written; an older file of that name is then still whole.

    Notes
    -----
    The data is written and synced to ``<path>.tmp``, which then replaces `path`: a reader, or a machine that loses
    power, meets the old file or the new one. Tensors lie in order of falling item size, so that each is aligned.

    References
    ----------
    https://huggingface.co/docs/safetensors: the layout of the file.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "w.safetensors"
    >>> save_safetensors(file, {"weight": np.eye(2, dtype=np.float32)}, {"note": "identity"})
    >>> tensors, metadata = load_safetensors(file)
    >>> tensors["weight"].tolist(), metadata
    ([[1.0, 0.0], [0.0, 1.0]], {'note': 'identity'})
    """
    for key, text in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(f"save_safetensors: metadata {key!r}: {text!r} given, keys and values must be strings")
        if key == _DIGEST:
            raise ValueError(f"save_safetensors: the key {_DIGEST} is the checksum's own, metadata needs another")
    arrays = {name: _file_array(name, tensor) for name, tensor in tensors.items()}
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header: dict[str, Any] = {_METADATA: dict(metadata or {})}
    digest, position = hashlib.sha256(), 0
    for name in order:
        array = arrays[name]
        digest.update(array.tobytes())
        end = position + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [position, end]}
        position = end
    header[_METADATA][_DIGEST] = digest.hexdigest()
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    head += b" " * (-len(head) % 8)
    _replace_file(Path(path), [struct.pack("<Q", len(head)), head], [arrays[name] for name in order])


def _file_array(name: str, tensor: np.ndarray) -> np.ndarray:
    """Return `tensor` with the byte order of the file, or say why the file cannot hold it."""
    if not isinstance(name, str):
        raise TypeError(f"save_safetensors: tensor name {name!r} given, names must be strings")
    if name == _METADATA:
        raise ValueError(f"save_safetensors: the name {_METADATA} is the header's own, a tensor needs another")
    if not isinstance(tensor, (np.ndarray, np.generic)):
        raise TypeError(f"save_safetensors: tensor {name!r} is a {type(tensor).__name__}, a NumPy array is needed")
    dtype = tensor.dtype.newbyteorder("<")
    if dtype not in _NAMES:
        known = ", ".join(dtype.name for dtype in _NAMES)
        raise ValueError(f"save_safetensors: tensor {name!r} has dtype {tensor.dtype}, it must be one of {known}")
    return np.asarray(tensor, dtype=dtype)


def _replace_file(path: Path, head: list[bytes], arrays: list[np.ndarray]) -> None:
    """Write head and arrays to `<path>.tmp`, sync it to the disk and move it over `path`."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            for piece in head:
                file.write(piece)
            for array in arrays:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read a safetensors file into new arrays, refusing every file that is not exactly well formed.

    Parameters
    ----------
    path : path
        The file to read. Nothing in it is ever executed.

    Returns
    -------
    tensors : dict of str to ndarray
        Writable arrays of the file's shapes and dtypes, in the order of the file's data.
    metadata : dict of str to str
        The header's free text, empty if there is none; without the checksum of `save_safetensors`.

    Raises
    ------
    ValueError
        If the file is truncated, has bytes too many, overlapping or missing data, an unknown dtype, a header that is
        not what the format asks for, or data that its checksum, if it has one, does not fit; the message says which.
    OSError
        If the file cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return _parse(memoryview(content))
    except ValueError as error:
        raise ValueError(f"load_safetensors: {os.fspath(path)} is not a sound safetensors file: {error}") from None


def _parse(content: memoryview) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if len(content) < 8:
        raise ValueError(f"it has {len(content)} bytes, the header's length alone takes 8")
    (length,) = struct.unpack("<Q", content[:8])
    if length > _HEADER_LIMIT:
        raise ValueError(f"it announces a header of {length} bytes, at most {_HEADER_LIMIT} are allowed")
    if length > len(content) - 8:
        raise ValueError(f"it announces a header of {length} bytes, but only {len(content) - 8} follow (truncated?)")
    header = _parse_header(bytes(content[8 : 8 + length]))
    data = content[8 + length :]
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError(f"{_METADATA} must map strings to strings")
    digest = metadata.pop(_DIGEST, None)
    entries = [(*_check_entry(name, entry), name) for name, entry in header.items()]
    entries.sort(key=lambda entry: entry[:2])
    tensors: dict[str, np.ndarray] = {}
    position = 0
    for begin, end, dtype, shape, name in entries:
        if begin != position:
            problem = "overlaps the tensor before it" if begin < position else "leaves a hole before it"
            raise ValueError(f"tensor {name!r} begins at data byte {begin} and {problem}, which ends at {position}")
        if end > len(data):
            raise ValueError(f"tensor {name!r} ends at data byte {end}, but the file has {len(data)} (truncated?)")
        tensors[name] = _array(name, data[begin:end], dtype, shape)
        position = end
    if position != len(data):
        raise ValueError(f"{len(data) - position} bytes follow the last tensor, none may")
    if digest is not None and digest != hashlib.sha256(data).hexdigest():
        raise ValueError(f"its data does not fit the checksum {_DIGEST} of its header, some bytes have changed")
    return tensors, metadata


def _parse_header(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise ValueError("its header does not begin with '{'")
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not valid JSON ({error})") from None
    return header


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _check_entry(name: str, entry: Any) -> tuple[int, int, np.dtype, list[int]]:
    """Return begin, end, dtype and shape of one tensor's header entry after checking that they agree."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {name!r} must have exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"tensor {name!r} has dtype {dtype!r}, readable are {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or len(shape) > 32 or not all(map(_is_count, shape)):
        raise ValueError(f"tensor {name!r} has shape {shape!r}, at most 32 whole numbers from 0 on are needed")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise ValueError(f"tensor {name!r} has data_offsets {offsets!r}, two whole numbers from 0 on are needed")
    begin, end = offsets
    size = math.prod(shape) * _DTYPES[dtype].itemsize
    if end - begin != size:
        raise ValueError(f"tensor {name!r} of shape {shape} and dtype {dtype} takes {size} bytes, not {end - begin}")
    return begin, end, _DTYPES[dtype], shape


def _array(name: str, data: memoryview, dtype: np.dtype, shape: list[int]) -> np.ndarray:
    if dtype.kind == "b" and np.any(np.frombuffer(data, dtype=np.uint8) > 1):
        raise ValueError(f"tensor {name!r} is boolean, but holds a byte other than 0 and 1")
    try:
        return np.frombuffer(data, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except (ValueError, OverflowError) as error:  # a zero in the shape beside a number too large
        raise ValueError(f"tensor {name!r} cannot have shape {shape} ({error})") from None
