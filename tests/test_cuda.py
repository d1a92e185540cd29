"""Arrays on the device: there and back, shared with others, in streams, and what is refused."""

import contextlib
import faulthandler
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import cuda, ops

pytestmark = pytest.mark.skipif(not cuda.is_available(), reason=f"no device: {cuda.status()}")
emulated = pytest.mark.skipif(not lamina._core.emulated(), reason="needs the emulated device")


class Lender:
    """An array library of its own: arrays that know only how to lend and to take."""

    def __init__(self, array, *, versioned=True, device=(2, 0), read_only=False):
        self.array, self.versioned, self.device, self.read_only = array, versioned, device, read_only
        self.streams = []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, **options):
        if not self.versioned and options:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        if self.read_only:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self.array.__dlpack__(stream=stream, **options)

    def __array_namespace__(self):
        return Namespace


class Namespace:
    @staticmethod
    def from_dlpack(array):
        return Lender(cuda.from_dlpack(array))


class Interface:
    def __init__(self, array, **changes):
        self.__cuda_array_interface__ = {**array.__cuda_array_interface__, **changes}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool", "uint8"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 0), (7, 13), (2, 3, 4)])
def test_arrays_go_there_and_back(rng, dtype, shape):
    host = (rng.normal(size=shape) * 9).astype(dtype)
    there = cuda.array(host)
    assert there.shape == shape and there.dtype == host.dtype and there.nbytes == host.nbytes
    assert_same_bits(there.numpy(), host)


def test_arrays_of_any_layout_are_copied(rng):
    base = rng.normal(size=(20, 30))
    for host in (base.T, base[::2, ::3], base[::-1], np.asfortranarray(base)):
        assert_same_bits(cuda.array(host).numpy(), np.ascontiguousarray(host))
    assert_same_bits(cuda.array([[1, 2]], "float32").numpy(), np.array([[1, 2]], np.float32))


def test_views_share_memory(rng):
    host = rng.normal(size=(9, 12))
    there = cuda.array(host)
    for key in (
        slice(2, 7),
        slice(None, None, 3),
        (slice(1, 8, 2), slice(3, 9)),
        4,
        -1,
        (slice(None), slice(0, 12)),
        ...,
    ):
        assert_same_bits(there[key].numpy(), host[key])
    there[2:4, 5:8] = 7
    host[2:4, 5:8] = 7
    assert_same_bits(there.numpy(), host)
    assert float(there[2, 5]) == 7
    for key in (12, (0, 12), (0, 0, 0), slice(None, None, -1)):
        with pytest.raises(IndexError):
            there[key]


def test_ops_take_views_with_rows_apart(rng):
    a, b = rng.normal(size=(30, 40)), rng.normal(size=(40, 20))
    wide_a, out = cuda.array(a), cuda.zeros((15, 33), "float64")
    view = out[:, 4:24]
    result = ops.gemm(wide_a[::2], cuda.array(b), out=view)
    assert result is view
    assert_same_bits(out.numpy()[:, 4:24], ops.gemm(a[::2], b))
    assert (out.numpy()[:, :4] == 0).all() and (out.numpy()[:, 24:] == 0).all()
    with pytest.raises(ValueError, match="gemm: a needs rows with unit column stride"):
        ops.gemm(wide_a[:, ::2], cuda.array(b[::2]))


def test_losses_stay_on_the_device(rng):
    x, labels = rng.normal(size=(9, 4)), rng.integers(0, 4, 9)
    for given in (labels, labels.astype(np.int32)):
        loss, gradient = ops.softmax_cross_entropy(cuda.array(x), cuda.array(given))
        expected = ops.softmax_cross_entropy(x, labels)
        assert isinstance(loss, cuda.Array) and loss.shape == ()
        assert float(loss) == expected[0]
        assert_same_bits(gradient.numpy(), expected[1])


def test_class_weights_of_unknown_labels_are_not_read(rng):
    x, weights = cuda.array(rng.normal(size=(3, 4))), cuda.array(np.ones(4))
    loss, gradient = ops.softmax_cross_entropy(x, cuda.array(np.array([0, 1 << 40, -(1 << 40)])), class_weight=weights)
    assert np.isnan(float(loss)) and np.isnan(gradient.numpy()[1:]).all() and np.isfinite(gradient.numpy()[0]).all()


def test_labels_out_of_range_give_nan(rng):
    labels = np.array([0, 4, -1, 3])
    loss, gradient = ops.softmax_cross_entropy(
        cuda.array(rng.normal(size=(4, 4))), cuda.array(labels), reduction="none"
    )
    wrong = np.array([False, True, True, False])
    assert (np.isnan(loss.numpy()) == wrong).all()
    assert (np.isnan(gradient.numpy()) == wrong[:, None]).all()


@pytest.mark.parametrize("versioned", [True, False])
def test_arrays_of_others_are_taken_without_copies(rng, versioned):
    host = rng.normal(size=(6, 5))
    lent = Lender(cuda.array(host), versioned=versioned)
    assert cuda.from_dlpack(lent).pointer == lent.array.pointer
    result = ops.softmax_forward(lent)
    assert isinstance(result, Lender), "results come back as the caller's kind"
    assert_same_bits(result.array.numpy(), ops.softmax_forward(host))
    out = Lender(cuda.zeros((6, 5), "float64"))
    assert ops.softmax_forward(lent, out=out) is out
    assert_same_bits(out.array.numpy(), result.array.numpy())
    assert set(lent.streams) == {1}, "the consumer names its stream"


def test_arrays_by_cuda_array_interface(rng):
    host = rng.normal(size=(6, 5))
    there = cuda.array(host)
    seen = cuda.from_dlpack(Interface(there))
    assert seen.pointer == there.pointer and seen.writeable
    assert_same_bits(ops.softmax_forward(Interface(there)).numpy(), ops.softmax_forward(host))
    strided = Interface(there[::2])
    assert_same_bits(cuda.from_dlpack(strided).numpy(), host[::2])
    read_only = cuda.from_dlpack(Interface(there, data=(there.pointer, True)))
    with pytest.raises(ValueError, match="softmax_forward: out is read-only"):
        ops.softmax_forward(there, out=read_only)
    with pytest.raises(ValueError, match="is not in this device's memory"):
        cuda.from_dlpack(Interface(there, data=(host.ctypes.data, False)))


def test_bfloat16_arrays_of_others(rng, monkeypatch):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a, b = rng.normal(size=(2, 40, 40)).astype(ml_dtypes.bfloat16)
    lent = Lender(cuda.array(a)), Lender(cuda.array(b))
    assert_same_bits(cuda.from_dlpack(lent[0]).numpy(), a)
    result = ops.gemm(*lent)
    assert isinstance(result, Lender)
    assert_same_bits(result.array.numpy(), ops.gemm(cuda.array(a), cuda.array(b)).numpy())
    monkeypatch.delitem(sys.modules, "ml_dtypes")
    with pytest.raises(ValueError, match="gemm: a has dtype bfloat16, needs `import ml_dtypes`"):
        ops.gemm(*lent)


def test_lent_memory_lives_as_long_as_its_views(rng):
    cuda.synchronize()  # what earlier tests were lent is given back
    before = cuda.memory()["in_use"]
    there = cuda.array(rng.normal(size=(100, 100)))
    capsule = there.__dlpack__(stream=1, max_version=(1, 0))
    taken = cuda.from_dlpack(Lender(there))
    pointer = there.pointer
    del there
    assert cuda.memory()["in_use"] > before and taken.pointer == pointer
    y = ops.activation_forward(taken, "relu")
    del capsule, taken
    cuda.synchronize()  # the lender gets it back when the device has gone past its last use
    del y
    assert cuda.memory()["in_use"] == before


@emulated
def test_lent_memory_is_not_given_back_before_the_device_has_read_it():
    cuda.synchronize()
    lent = Lender(cuda.zeros(100))
    y = ops.activation_forward(lent, "relu")
    in_use = cuda.memory()["in_use"]
    del lent
    assert cuda.memory()["in_use"] == in_use, "the emulated device works when somebody waits, not before"
    y.array.numpy()  # waits
    assert cuda.memory()["in_use"] < in_use
    del y


@emulated
def test_another_current_device_is_refused():
    x = cuda.zeros(3)

    def on_another_device():  # in a thread of its own: the current device is a thread's
        lamina._core.emulation_set_current(1)
        with pytest.raises(lamina.BackendError, match="current device is 1, needs device 0"):
            ops.activation_forward(x, "relu")

    def goes_on_another_device(array):
        lamina._core.emulation_set_current(1)
        array.clear()
        assert cuda.is_available()

    in_use = cuda.memory()["in_use"]
    held = [cuda.zeros(10_000)]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(on_another_device).result()
        pool.submit(goes_on_another_device, held).result()
    assert cuda.memory()["in_use"] == in_use, "memory should come back wherever its last user ends"
    assert (ops.activation_forward(x, "relu").numpy() == 0).all()


def test_numpy_does_not_take_device_memory_for_its_own():
    with pytest.raises((BufferError, RuntimeError)):
        np.from_dlpack(cuda.zeros(3))


def test_mixed_devices_are_refused(rng):
    host = rng.normal(size=(4, 4))
    there = cuda.array(host)
    for arguments in ((host, there), (there, host)):
        with pytest.raises(ValueError, match="gemm: b is on .*all arrays of a call need to be on one"):
            ops.gemm(*arguments)
    with pytest.raises(ValueError, match="gemm: out is on the CPU"):
        ops.gemm(there, there, out=host)
    with pytest.raises(ValueError, match="targets is on the CPU"):
        ops.softmax_cross_entropy(there, np.arange(4))
    with pytest.raises(ValueError, match="x is on CUDA device 1"):
        ops.softmax_forward(Lender(there, device=(2, 1)))
    with pytest.raises(TypeError, match="x is a Lender"):
        ops.softmax_forward(Lender(there, device=(1, 0)))
    with pytest.raises(ValueError, match="x does not lend its memory: .*require gradient, use tensor.detach"):
        ops.softmax_forward(Lender(there, read_only=True))


def test_streams_order_what_they_share(rng):
    host = rng.normal(size=(64, 64))
    x = cuda.array(host)
    with cuda.Stream() as first:
        y = ops.gemm(x, x)
        with cuda.Stream():
            z = ops.gemm(y, x)  # after y, which another stream computes
        w = ops.gemm(z, y)
    expected = ops.gemm(host, host)
    assert_same_bits(z.numpy(), ops.gemm(expected, host))
    assert_same_bits(w.numpy(), ops.gemm(ops.gemm(expected, host), expected))
    first.synchronize()
    cuda.synchronize()


def test_an_array_outlives_the_stream_that_made_it(rng):
    host = rng.normal(size=(50, 50))
    with cuda.Stream():
        x = cuda.array(host)
    y = ops.gemm(x, x)
    del x
    z = cuda.zeros((50, 50), "float64")
    assert_same_bits(y.numpy(), ops.gemm(host, host))
    assert (z.numpy() == 0).all()


def test_memory_is_kept_and_given_back():
    cuda.release_unused()
    before = cuda.memory()
    array = cuda.empty(1_000_000)
    during = cuda.memory()
    assert during["in_use"] - before["in_use"] >= 4_000_000
    assert during["free"] <= before["free"] - 4_000_000
    pointer = array.pointer
    del array
    assert cuda.memory()["in_use"] == before["in_use"] and cuda.memory()["held"] == during["held"]
    assert cuda.empty(1_000_000).pointer == pointer
    cuda.release_unused()
    assert cuda.memory()["held"] == before["held"]


def test_small_arrays_share_segments_and_come_apart_again(rng):
    cuda.release_unused()
    before = cuda.memory()["held"]
    arrays = [cuda.array(np.full(int(size), i)) for i, size in enumerate(rng.integers(1, 3000, 200))]
    for i in rng.permutation(200)[:100]:
        arrays[i] = None
    arrays += [cuda.array(np.full(77, 1000 + i)) for i in range(50)]
    for i, array in enumerate(arrays):
        if array is not None:
            assert (array.numpy() == (i if i < 200 else 1000 + i - 200)).all()
    arrays.clear()
    del array
    cuda.release_unused()
    assert cuda.memory()["held"] == before


@emulated
def test_out_of_memory_says_how_much_there_is(rng):
    x = cuda.array(rng.normal(size=(100, 100)))
    expected = x.numpy()
    lamina._core.emulation_set_memory_limit(64 << 20)
    try:
        with pytest.raises(
            lamina.BackendError, match=r"out of memory: 400000000 bytes were asked for, \d+ of 67108864 are free"
        ):
            cuda.empty(100_000_000)
        assert_same_bits(x.numpy(), expected)
        net = lamina.Sequential(lamina.Linear(100, 50), lamina.ReLU(), lamina.Linear(50, 100), device="cuda")
        outputs = net.predict(expected)
        trainer = lamina.Trainer(net, "squared_error")
        with pytest.raises(lamina.BackendError, match="out of memory"):
            trainer.fit(np.zeros((100_000, 100)), np.zeros((100_000, 100)), epochs=1, progress=False)
        assert_same_bits(net.predict(expected), outputs)  # the model stays as it was, and usable
        trainer.fit(expected, expected, epochs=1, progress=False)
    finally:
        lamina._core.emulation_set_memory_limit(8 << 30)


def test_pinned_memory_is_numpys(rng):
    pinned = cuda.pinned((30, 40), "float64")
    pinned[...] = rng.normal(size=(30, 40))
    there = cuda.array(pinned)
    expected = pinned.copy()
    pinned[...] = 0  # has been read by now
    assert_same_bits(there.numpy(), expected)


@emulated
def test_the_host_cannot_look_into_device_memory():
    there = cuda.zeros(10)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            faulthandler.disable()
            np.ctypeslib.as_array((np.ctypeslib.ctypes.c_float * 10).from_address(there.pointer)).sum()
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the read should have ended the process"


def test_a_forked_process_is_told():
    there = cuda.zeros(10)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        message = "nothing"
        try:
            ops.activation_forward(there, "relu")
        except lamina.BackendError as error:
            message = str(error)
        finally:
            os.write(writing, message.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert "forked" in os.read(reading, 1000).decode() and os.close(reading) is None


def test_draws_on_the_device(rng):
    for draw in (ops.random_uniform, ops.random_normal):
        for dtype in ("float32", "float64"):
            options = dict(seed=3, layer=2, step=5, row_offset=7, dtype=dtype)
            assert_same_bits(draw((9, 13), device="cuda", **options).numpy(), draw((9, 13), **options))
    mask = ops.dropout_mask((40, 50), 0.4, seed=1, device="cuda")
    assert_same_bits(mask.numpy(), ops.dropout_mask((40, 50), 0.4, seed=1))
    with pytest.raises(ValueError, match="device is 'tpu', needs cpu or cuda"):
        ops.random_uniform((2, 2), seed=1, device="tpu")


def test_array_refusals():
    with pytest.raises(TypeError, match="numbers are needed"):
        cuda.array(["a"])
    with pytest.raises(ValueError, match="sizes from 0 on"):
        cuda.empty((2, -1))
    with pytest.raises(TypeError, match="not on the CUDA device"):
        cuda.from_dlpack(np.zeros(3))
    x = cuda.zeros((2, 3))
    with pytest.raises(ValueError):
        x[...] = np.zeros((4, 4))
    with pytest.raises(ValueError, match="another shape or dtype"):
        x[...] = cuda.zeros((3, 2))
    with pytest.raises(TypeError):
        len(cuda.array(1.0))
    assert repr(x) == "lamina.cuda.Array(shape=(2, 3), dtype=float32)" and len(x) == 2
