"""Safetensors files: round trips, agreement with the format's own package, refusal of damage, atomic writes."""

import hashlib
import json
import os
import struct

import numpy as np
import pytest

from lamina.io import load_safetensors, save_safetensors

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


def sample_tensors():
    generator = np.random.default_rng(0)
    tensors = {f"t.{name}": (generator.integers(0, 2, (3, 5)) * 1).astype(name) for name in DTYPES}
    tensors |= {
        "scalar": np.array(7, dtype=np.int64),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "ünïcode": np.arange(3.0),
        "special": np.array([np.nan, np.inf, -0.0], dtype=np.float32),
    }
    return tensors


def assert_equal_tensors(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def write_raw(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_io_round_trip(tmp_path):
    tensors, metadata = sample_tensors(), {"a": "1", "ß": "line\nbreak"}
    save_safetensors(tmp_path / "x.safetensors", tensors, metadata)
    found, found_metadata = load_safetensors(tmp_path / "x.safetensors")
    assert_equal_tensors(found, tensors)
    assert found_metadata == metadata
    assert all(array.flags.writeable and array.flags.aligned and array.dtype.isnative for array in found.values())
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_io_any_layout_and_byte_order(tmp_path):
    matrix = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_safetensors(tmp_path / "x", {"t": matrix.T, "s": matrix[:, ::-2], "b": matrix.astype(">f4")})
    assert_equal_tensors(load_safetensors(tmp_path / "x")[0], {"t": matrix.T, "s": matrix[:, ::-2], "b": matrix})


def test_io_agrees_with_the_safetensors_package(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    opening = pytest.importorskip("safetensors").safe_open
    tensors = sample_tensors()
    save_safetensors(tmp_path / "ours", tensors, {"key": "text"})
    assert_equal_tensors(package.load_file(tmp_path / "ours"), tensors)
    with opening(tmp_path / "ours", framework="numpy") as file:
        assert file.metadata().items() >= {"key": "text"}.items()
    package.save_file(tensors, tmp_path / "theirs", {"key": "text"})
    found, metadata = load_safetensors(tmp_path / "theirs")
    assert_equal_tensors(found, tensors)
    assert metadata == {"key": "text"}


def test_io_data_is_aligned_in_the_file(tmp_path):
    save_safetensors(tmp_path / "x", {"a": np.zeros(3, np.int8), "b": np.zeros(3), "c": np.zeros(1, np.float32)})
    content = (tmp_path / "x").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert header["b"]["data_offsets"] == [0, 24] and header["c"]["data_offsets"] == [24, 28]


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 20, -1])
def test_io_refuses_truncated_files(tmp_path, keep):
    save_safetensors(tmp_path / "x", {"w": np.ones((4, 4))})
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content[:keep])
    with pytest.raises(ValueError, match="load_safetensors: .*x is not a sound"):
        load_safetensors(tmp_path / "x")


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12), "overlaps"),
        ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12), "hole"),
        ({"a": entry([1], 4, 8)}, bytes(8), "hole"),
        ({"a": entry([2], 0, 8)}, bytes(12), "4 bytes follow"),
        ({"a": entry([3], 0, 12)}, bytes(8), "truncated"),
        ({"a": entry([2], 0, 4)}, bytes(4), "takes 8 bytes, not 4"),
        ({"a": entry([2], 8, 0)}, bytes(8), "takes 8 bytes, not -8"),
        ({"a": entry([-1], 0, 4)}, bytes(4), "shape"),
        ({"a": entry([1.0], 0, 4)}, bytes(4), "shape"),
        ({"a": entry([True], 0, 4)}, bytes(4), "shape"),
        ({"a": entry("1", 0, 4)}, bytes(4), "shape"),
        ({"a": entry([1] * 40, 0, 4)}, bytes(4), "shape"),
        ({"a": entry([2**62, 0, 2**62], 0, 0)}, b"", "cannot have shape"),
        ({"a": entry([2**62, 2**62], 0, 4)}, bytes(4), "takes"),
        ({"a": entry([1], 0, 4, "F31")}, bytes(4), "F31"),
        ({"a": entry([2], 0, 4, "BF16")}, bytes(4), "BF16"),
        ({"a": entry([1], 0, 4, ["F32"])}, bytes(4), "dtype"),
        ({"a": entry([2], 0, 2, "BOOL")}, b"\x01\x02", "boolean"),
        ({"a": {"dtype": "F32", "shape": [1]}}, bytes(4), "exactly"),
        ({"a": 3}, bytes(4), "exactly"),
        ({"__metadata__": {"a": 1}}, b"", "strings"),
        ({"__metadata__": "text"}, b"", "strings"),
        (b'{"a": 1, "a": 2}', b"", "twice"),
        (b"[]", b"", "begin with"),
        (b'{"a": NaN}', b"", "JSON"),
        (b"{" * 100, b"", "JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b"", "JSON"),
        (b'{"\xff": 1}', b"", "JSON"),
        (b"", b"", "begin with"),
    ],
)
def test_io_refuses_nonsense(tmp_path, header, data, message):
    write_raw(tmp_path / "x", header, data)
    with pytest.raises(ValueError, match=message):
        load_safetensors(tmp_path / "x")


def test_io_refuses_every_flipped_bit_of_the_data(tmp_path):
    save_safetensors(tmp_path / "x", {"w": np.ones(2, np.float32), "v": np.ones(1)})
    content = (tmp_path / "x").read_bytes()
    for bit in range(8 * (len(content) - 16), 8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(ValueError, match="not a sound .* checksum lamina.sha256"):
            load_safetensors(tmp_path / "x")


def test_io_checksum_is_the_sha256_of_the_data(tmp_path):
    save_safetensors(tmp_path / "x", {"w": np.arange(3.0)})
    (length,) = struct.unpack("<Q", (tmp_path / "x").read_bytes()[:8])
    header = json.loads((tmp_path / "x").read_bytes()[8 : 8 + length])
    assert header["__metadata__"] == {"lamina.sha256": hashlib.sha256(np.arange(3.0).tobytes()).hexdigest()}
    assert load_safetensors(tmp_path / "x")[1] == {}


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 100_000_001, 1000])
def test_io_refuses_announced_headers_it_cannot_have(tmp_path, length):
    (tmp_path / "x").write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(ValueError, match="announces a header"):
        load_safetensors(tmp_path / "x")


def test_io_survives_every_flipped_byte_of_a_header(tmp_path):
    save_safetensors(tmp_path / "x", {"w": np.ones(2, np.float32), "v": np.ones(1)}, {"k": "v"})
    content = bytearray((tmp_path / "x").read_bytes())
    for place in range(len(content) - 16):
        for flip in (0x01, 0x80):
            damaged = bytearray(content)
            damaged[place] ^= flip
            (tmp_path / "y").write_bytes(damaged)
            try:
                load_safetensors(tmp_path / "y")  # a changed letter of a name is still a sound file
            except ValueError as error:
                assert str(error).startswith("load_safetensors:")


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "message"),
    [
        ({"w": [1.0]}, None, TypeError, "list"),
        ({3: np.ones(1)}, None, TypeError, "names must be strings"),
        ({"w": np.ones(1)}, {"k": 1}, TypeError, "metadata"),
        ({"w": np.array(["a"])}, None, ValueError, "dtype"),
        ({"w": np.array([None])}, None, ValueError, "dtype"),
        ({"w": np.ones(1, complex)}, None, ValueError, "complex128"),
        ({"__metadata__": np.ones(1)}, None, ValueError, "__metadata__"),
        ({"w": np.ones(1)}, {"lamina.sha256": "0"}, ValueError, "checksum's own"),
    ],
)
def test_io_refuses_to_write_what_the_format_lacks(tmp_path, tensors, metadata, error, message):
    with pytest.raises(error, match=message):
        save_safetensors(tmp_path / "x", tensors, metadata)
    assert os.listdir(tmp_path) == []


def test_io_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    save_safetensors(path, {"w": np.zeros(3)})
    before = path.read_bytes()

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_safetensors(path, {"w": np.ones(300)})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_io_missing_file_and_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_safetensors(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        save_safetensors(tmp_path / "none" / "x", {"w": np.ones(1)})
