"""What explain says is what is in force: instruction set, threads, shapes and parts."""

import re

import numpy as np
import pytest

import lamina
from lamina import _core, ops
from small_nets import deep_net

LAYER = ((128, 784), (512, 784))
TILE_ROWS = {"generic": 4, "avx2": 6, "avx512": 14, "avx512_bf16": 14, "amx": 14}
CALLS = {
    "gemm": ((128, 784), (784, 512)),
    "linear_forward": LAYER,
    "linear_backward": LAYER,
    "lamina_forward": LAYER,
    "lamina_backward": LAYER,
    "batchnorm_forward": ((128, 512),),
    "activation_forward": ((128, 512),),
    "activation_backward": ((128, 512),),
    "dropout_forward": ((128, 512),),
    "dropout_backward": ((128, 512),),
}


@pytest.fixture(params=[1, 3])
def threads(request):
    """A forced number of threads."""
    previous = lamina.get_num_threads()
    lamina.set_num_threads(request.param)
    yield request.param
    lamina.set_num_threads(previous)


def split_of(text):
    """Tasks by rows and columns, and the rows and columns of one."""
    return tuple(map(int, re.search(r"tasks +(\d+) x (\d+) of (\d+) rows x (\d+) columns", text).groups()))


@pytest.mark.parametrize("op", CALLS)
def test_every_line_is_short_and_names_what_is_forced(op, cpu_isa, threads, dtype):
    text = ops.explain(op, CALLS[op], dtype)
    assert max(map(len, text.splitlines())) < 100
    titles = [line for line in text.splitlines() if not line.startswith(" ")]
    assert titles and all(title.endswith(cpu_isa) and dtype.name in title for title in titles)
    counts = [int(count) for count in re.findall(r"on (\d+) threads?", text)]
    assert len(counts) >= len(titles) and max(counts) <= threads
    assert threads == 1 or max(counts) > 1 or "1 task " in text


@pytest.mark.parametrize("rows, columns", [(1, 1), (128, 784), (3, 5000), (5000, 3), (700, 700)])
def test_the_tasks_of_a_product_cover_it(cpu_isa, threads, rows, columns):
    text = ops.explain("gemm", ((rows, 300), (300, columns)))
    down, across, height, width = split_of(text)
    assert (down - 1) * height < rows <= down * height and (across - 1) * width < columns <= across * width
    panel, _ = map(int, re.search(r"tile +(\d+) rows x (\d+) columns", text).groups())
    assert panel <= min(TILE_ROWS[cpu_isa], height)
    assert "2 chunks of 256" in text


def test_many_rows_are_cut_where_threads_share_them(threads):
    for transpose_a in (False, True):
        a = (300, 5000) if transpose_a else (5000, 300)
        down, _, height, _ = split_of(ops.explain("gemm", (a, (300, 700)), transpose_a=transpose_a))
        assert (down, height) == ((1, 5000) if threads == 1 else (4, 1250))


def test_small_work_stays_on_one_thread(threads):
    text = ops.explain("gemm", ((8, 16), (16, 200)))
    assert " on 1 thread" in text and ("too little work to share" in text) == (threads > 1)
    assert "too little" not in ops.explain("gemm", ((512, 512), (512, 512)))


def test_a_tail_runs_in_cache_unless_batch_statistics_come_first():
    options = {"activation": "tanh", "p": 0.5}
    text = ops.explain("lamina_forward", LAYER, **options)
    assert "tail    tanh, dropout on each panel of rows while in cache" in text and "pass" not in text
    text = ops.explain("lamina_forward", LAYER, batchnorm=True, **options)
    assert "tail    batch norm, tanh, dropout behind the batch statistics of each strip" in text
    text = ops.explain("batchnorm_forward", ((4096, 1024),))
    assert "tail    batch norm in a pass of its own" in text and "while in cache" not in text
    text = ops.explain("lamina_forward", LAYER, batchnorm=True, training=False, **options)
    assert "does    batch norm, tanh" in text and "statistics" not in text


def test_backward_says_what_is_undone_and_which_products_follow():
    text = ops.explain("lamina_backward", LAYER, batchnorm=True, activation="elu", p=0.5)
    assert "undoes  dropout, elu, batch norm" in text and "gradients of gamma, beta, bias" in text
    assert "product (512, 128) x (128, 784)" in text and "product (128, 512) x (512, 784)" in text
    assert ops.explain("linear_backward", LAYER, need_dx=False).count("product") == 1


def test_gemm_says_how_it_reads_its_operands():
    text = ops.explain("gemm", ((128, 784), (512, 784)), transpose_b=True, alpha=2.0, beta=1.0)
    assert "b       packed" in text and "alpha, beta" in text and "scratch of the result's size" in text
    assert "b       read in place\n" in ops.explain("gemm", ((1, 64), (64, 64)))
    if lamina.get_isa() != "generic":
        assert "b       turned in registers\n" in ops.explain("gemm", ((1, 64), (64, 64)), transpose_b=True)
    assert "depth   nothing is read" in ops.explain("gemm", ((4, 64), (64, 64)), alpha=0)
    assert ops.explain("gemm", ((0, 64), (64, 64))) == "no kernel runs"


def test_results_are_streamed_where_they_exceed_the_caches():
    previous = _core.get_stream_bytes()
    try:
        _core.set_stream_bytes(4 * 64 * 64)
        assert "written through" in ops.explain("activation_forward", ((64, 64),))
        assert "streamed past" in ops.explain("activation_forward", ((64, 65),))
        assert "streamed past" in ops.explain("batchnorm_forward", ((64, 65),))
    finally:
        _core.set_stream_bytes(previous)


def test_nothing_is_computed_and_nothing_stays_behind():
    """Shapes that would take minutes are explained at once, and ops compute as before."""
    assert "product" in ops.explain("gemm", ((20_000, 20_000), (20_000, 20_000)))
    with pytest.raises(ValueError):
        ops.explain("gemm", ((2, 3), (2, 3)))
    np.testing.assert_array_equal(ops.gemm(np.eye(2), np.eye(2)), np.eye(2))


@pytest.mark.parametrize(
    "arguments, options, error, words",
    [
        (("conv", ((1, 1),)), {}, ValueError, "explain: op is 'conv', needs one of gemm, linear_forward"),
        (("gemm", ((2, 3),)), {}, ValueError, "explain: shapes is .*gemm needs those of a .* and b"),
        (("dropout_forward", (2, 3)), {}, ValueError, "explain: shapes is .*dropout_forward needs those of x"),
        (("gemm", ((2, 3), (2, 3))), {}, ValueError, "gemm: a has shape"),
        (("gemm", ((2, 3), (3, 3)), "int8"), {}, ValueError, "explain: dtype is 'int8', needs float32 or float64"),
        (("lamina_forward", LAYER), {"activation": "no"}, ValueError, "lamina_forward: activation is 'no', needs one"),
        (("lamina_forward", LAYER), {"slope": 1}, TypeError, "lamina_forward: unknown keyword 'slope'"),
        (("dropout_forward", ((2, 3),)), {"p": 1.5}, ValueError, "dropout_forward: p is 1.5, needs"),
        (("batchnorm_forward", ((1, 3),)), {}, ValueError, "batchnorm_forward: batch norm in training got 1 rows"),
        (("linear_forward", ((4,), (3, 4))), {}, ValueError, "linear_forward: x has"),
    ],
)
def test_mistakes_name_the_op_and_what_it_needs(arguments, options, error, words):
    with pytest.raises(error, match=words):
        ops.explain(*arguments, **options)


def test_a_net_explains_each_lamina_of_a_step(cpu_isa, threads):
    net = deep_net("float32")
    before = net.state_dict()
    plan, steps = net.explain().splitlines(), net.explain(batch_size=64)
    assert [line for line in steps.splitlines() if line.startswith("lamina")] == plan
    assert steps.count(" forward\n") == steps.count(" backward\n") == len(plan)
    assert steps.count("product") == 3 * len(plan) - 1  # no gradient of the data
    assert "product (64, 5) x (5, 7), float32 at highest" in steps and cpu_isa in steps
    assert "dropout behind the batch statistics" in steps
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_net_says_where_nothing_is_trained():
    net = lamina.Sequential(lamina.Dropout(0.2), lamina.Linear(6, 3))
    assert "nothing from here down is trained" in net.explain(batch_size=8)


def test_a_net_refuses_batches_it_could_not_train_on():
    with pytest.raises(ValueError, match="Sequential.explain: batch_size is 0"):
        deep_net().explain(batch_size=0)
    with pytest.raises(ValueError, match="Sequential.explain: batch_size is 1, batch norm in training"):
        deep_net().explain(batch_size=1)


@pytest.mark.skipif(not lamina.cuda.is_available(), reason=f"no device: {lamina.cuda.status()}")
@pytest.mark.parametrize("op", CALLS)
def test_ops_are_explained_on_the_device(op, dtype):
    text = ops.explain(op, CALLS[op], dtype, device="cuda")
    titles = [line for line in text.splitlines() if not line.startswith(" ")]
    assert titles and all(title.endswith(", cuda") and dtype.name in title for title in titles)
    assert " threads each" in text and "on 1 thread" not in text
    assert lamina.config()["units"]["cuda"]["highest"] == "fma"


@pytest.mark.skipif(not lamina.cuda.is_available(), reason=f"no device: {lamina.cuda.status()}")
def test_the_depth_of_small_results_is_split_on_the_device():
    text = ops.explain("gemm", ((100, 5000), (5000, 10)), device="cuda")
    assert "20 chunks of 256 in blocks of their own, summed by" in text
    assert "summed in registers" in ops.explain("gemm", ((4000, 5000), (5000, 1000)), device="cuda")
