"""Columns, the input layer of tables: what it computes, its parameters, training, files, mistakes."""

import copy
import pickle

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits, assert_within
from lamina import _core
from lamina import reference as ref
from small_nets import weights_of
from tolerances import GRADIENT_CHECK, standard_errors, unit_roundoff

EDGES = (-1.5, -0.5, 0.0, 0.25, 2.0)


def columns(**options):
    """Seven columns of data, of which the last is in no part and the third in two."""
    return lamina.Columns(
        lamina.Numeric([0, 1, 4]),
        lamina.Category(3, size=5, features=3),
        lamina.Periodic([2, 0], frequencies=4, sigma=0.5),
        lamina.PiecewiseLinear(2, EDGES),
        lamina.Category(5, size=2, features=1),
        **{"in_features": 7} | options,
    )


WIDTH = 3 + 3 + 2 * 8 + 4 + 1


def make_net(dtype="float64", device="cpu", **options):
    layers = columns(), lamina.Linear(WIDTH, 9), lamina.ELU(), lamina.Dropout(0.2), lamina.Linear(9, 3)
    return lamina.Sequential(*layers, seed=3, dtype=dtype, device=device, **options)


@pytest.fixture
def data(rng):
    """A table, and labels that lean on every column."""
    x = rng.normal(size=(90, 7))
    x[:, 3], x[:, 5] = rng.integers(0, 5, 90), rng.integers(0, 2, 90)
    return x, (x[:, 3] + (np.sin(4 * x[:, 2]) > 0) + x[:, 5]).astype(int) % 3


def test_columns_come_side_by_side(isa, data, dtype):
    x = data[0].astype(dtype)
    net = lamina.Sequential(columns(), dtype=dtype)
    state = net.state_dict()
    periodic = [ref.periodic_forward(x[:, [c]], state[f"0.frequencies_{c}"][None]) for c in (2, 0)]
    bins = ref.piecewise_linear_forward(x[:, [2]], [EDGES])
    tables = [ref.embedding_forward(x[:, c].astype(int), state[f"0.embedding_{c}"]) for c in (3, 5)]
    expected = np.hstack([x[:, [0, 1, 4]], tables[0], *periodic, bins, tables[1]])
    y = net(x)
    assert y.shape == (90, net.out_features) == (90, WIDTH)
    assert_within(y, expected, 8 * unit_roundoff(dtype) * (1 + np.abs(expected)) * 10)
    exact = [0, 1, 2, 3, 4, 5, WIDTH - 1]  # what is copied
    assert_same_bits(y[:, exact], expected[:, exact].astype(dtype))


def test_columns_parameters_are_named_by_column(dtype):
    shapes = {name: array.shape for name, array in make_net(dtype).parameters().items()}
    assert list(shapes)[:4] == ["0.embedding_3", "0.frequencies_2", "0.frequencies_0", "0.embedding_5"]
    assert list(shapes.values())[:4] == [(5, 3), (4,), (4,), (2, 1)]


def test_columns_start_as_documented():
    parts = lamina.Category(0, size=1000, features=16), lamina.Category(1, size=1000, features=16)
    periodic = lamina.Periodic([2, 3], frequencies=5000, sigma=0.3)
    nets = [
        lamina.Sequential(lamina.Columns(*parts, periodic), seed=7, dtype=dtype) for dtype in ("float32", "float64")
    ]
    state, single = nets[1].state_dict(), nets[0].state_dict()
    tables, frequencies = ([state[f"0.{name}"] for name in names] for names in (
        ("embedding_0", "embedding_1"), ("frequencies_2", "frequencies_3"),
    ))  # fmt: skip
    for table in tables:
        assert np.abs(table).max() <= 0.25 < np.abs(table).max() + 0.001
        assert abs(table.mean()) < standard_errors(0.25 / np.sqrt(3), table.size)
    for array in frequencies:
        assert abs(array.std() - 0.3) < standard_errors(0.3 / np.sqrt(2), array.size)
    for one, other in (tables, frequencies):
        assert not np.array_equal(one, other)
    assert_same_bits(single, {name: array.astype(np.float32) for name, array in state.items()})


@pytest.mark.parametrize("fuse", [True, False])
def test_columns_gradients(isa, data, fuse):
    report = lamina.gradcheck(make_net("float32", fuse=fuse), data[0][:20], data[1][:20], tolerance=GRADIENT_CHECK)
    assert report.ok, report
    assert {"0.embedding_3", "0.frequencies_2", "0.frequencies_0", "0.embedding_5"} <= {c.name for c in report.checks}


def test_columns_as_the_whole_net(isa, rng):
    codes, target = rng.integers(0, 4, 40).astype(float)[:, None], rng.normal(size=40)
    net = lamina.Sequential(lamina.Columns(lamina.Category(0, size=4, features=1)), dtype="float64")
    lamina.Trainer(net, "squared_error", lamina.SGD(lr=0.5)).fit(
        codes, target, epochs=200, batch_size=40, progress=False
    )
    means = [target[codes[:, 0] == code].mean() for code in range(4)]
    assert_within(net.state_dict()["0.embedding_0"][:, 0], means, 1e-6)


def trained(data, dtype="float32", device="cpu", threads=1):
    before = lamina.get_num_threads()
    lamina.set_num_threads(threads)
    net = make_net(dtype, device)
    history = lamina.Trainer(net, optimizer=lamina.AdamW(lr=0.02), seed=5).fit(
        *data, epochs=4, batch_size=32, progress=False
    )
    lamina.set_num_threads(before)
    return net.state_dict(), history["loss"]


def test_columns_train_to_the_same_bits_everywhere(cpu_isa, data, dtype):
    expected = trained(data, dtype)
    assert expected[1][-1] < expected[1][0]
    lamina.set_isa("generic")
    assert_same_bits(trained(data, dtype)[0], expected[0])
    lamina.set_isa(cpu_isa)
    assert_same_bits(trained(data, dtype, threads=2)[0], expected[0])


@pytest.mark.skipif(not lamina.cuda.is_available(), reason="there is no device")
def test_columns_train_to_the_same_bits_on_a_device(data, dtype):
    assert_same_bits(trained(data, dtype, "cuda")[0], trained(data, dtype)[0])
    net = make_net(dtype, "cuda")
    x = data[0].astype(dtype)
    assert_same_bits(net.predict(lamina.cuda.array(x)).numpy(), make_net(dtype).predict(x))
    assert_same_bits(make_net(dtype).to("cuda").to("cpu").state_dict(), make_net(dtype).state_dict())
    x[4, 3] = 5
    with pytest.raises(ValueError, match="Sequential.predict: X has 5 at row 4, column 3"):
        net.predict(lamina.cuda.array(x))


def test_columns_are_spared_by_decay(data):
    x, y = data
    x[:, 5] = 0
    options = {"optimizer": lamina.AdamW(lr=0.1, weight_decay=0.5), "regularizer": lamina.L1(0.1)}
    for decay_all in (False, True):
        net = make_net()
        before = weights_of(net)["0.embedding_5"]
        lamina.Trainer(net, decay_all=decay_all, **options).fit(x, y, epochs=1, progress=False)
        unseen = net.parameters()["0.embedding_5"][1]
        assert np.array_equal(unseen, before[1]) != decay_all


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), None])
def test_columns_are_kept_by_files_and_copies(tmp_path, data, dtype, make_copy):
    net = make_net(dtype)
    if make_copy is None:
        net.save(tmp_path / "net")
        again = lamina.load(tmp_path / "net")
    else:
        again = make_copy(net)
    assert again[0] == net[0] == columns()
    assert_same_bits(again.state_dict(), net.state_dict())
    assert_same_bits(again.predict(data[0]), net.predict(data[0]))
    assert_same_bits(net[1:].predict(net[:1].predict(data[0])), net.predict(data[0]))


def test_columns_that_do_not_fit_their_file_are_refused(tmp_path):
    net = make_net()
    object.__setattr__(net[0].parts[1], "size", 2**24)  # before memory for it is asked for
    net.save(tmp_path / "net")
    with pytest.raises(ValueError, match="holds a damaged net: 0.embedding_3 does not fit"):
        lamina.load(tmp_path / "net")


@pytest.mark.parametrize("value", [5, -1, 1.5, np.nan, np.inf, 1e30])
def test_columns_name_a_code_that_is_none(data, value):
    x, y = data
    net, bad = make_net("float32"), x.copy()
    bad[[17, 30], 3] = value
    before = net.state_dict()
    trainer = lamina.Trainer(net)
    for call, action in {
        "Sequential.forward: x": lambda: net(bad),
        "Sequential.predict: X": lambda: net.predict(bad),
        "Sequential.predict_proba: X": lambda: net.predict_proba(bad),
        "Sequential.loss_and_gradients: x": lambda: net.loss_and_gradients(bad, y),
        "Trainer.fit: X": lambda: trainer.fit(bad, y, progress=False),
        "Trainer.fit, validation_data: X": lambda: trainer.fit(x, y, validation_data=(bad, y), progress=False),
        "Trainer.evaluate: X": lambda: trainer.evaluate(bad, y),
        "greedy: X": lambda: lamina.pretrain.greedy(net, bad, progress=False),
        "Sequential.set_population_statistics: X": lambda: net.set_population_statistics(bad),
        "diagnose: x": lambda: lamina.diagnose(net, bad, y),
        "overfit_check: x": lambda: lamina.overfit_check(net, bad, y),
    }.items():
        with pytest.raises(ValueError) as refused:
            action()
        given, _, place = str(refused.value).removeprefix(f"{call} has ").partition(" ")
        assert np.isclose(float(given), value, rtol=1e-6, equal_nan=True)  # diagnose computes in float64
        assert place.startswith("at row 17, column 3: a code, a whole number from 0 to 4")
    assert_same_bits(net.state_dict(), before)
    assert trainer.history["loss"] == []


def test_columns_look_at_what_augmentation_makes(data):
    net = make_net()
    before = net.state_dict()
    with pytest.raises(ValueError, match="Trainer.fit: what augment returned has .* at row 0, column 3: a code"):
        lamina.Trainer(net).fit(*data, augment=lamina.augment.Noise(0.1), progress=False)
    assert_same_bits(net.state_dict(), before)


def test_columns_can_be_pretrained_behind(data):
    net = lamina.Sequential(columns(), lamina.Linear(WIDTH, 6), lamina.Tanh(), lamina.Linear(6, 3))
    stages = lamina.pretrain.greedy(net, data[0], epochs=5, progress=False)
    assert [stage["layer"] for stage in stages] == [1] and stages[0]["loss"][-1] < stages[0]["loss"][0]


def test_columns_can_be_diagnosed(data):
    assert lamina.overfit_check(make_net(), *data, optimizer=lamina.Adam(lr=0.02)).ok
    found = lamina.diagnose(make_net(), *data)
    assert isinstance(found.layers[0].layer, lamina.Columns) and found.layers[0].gradient > 0


def test_columns_tell_what_is_planned():
    net = make_net()
    parts = "numeric 0-1, numeric 4, category 3, periodic 2, periodic 0, piecewise_linear 2, category 5"
    assert f"layer 0: columns({parts})" in net.explain()
    text = net.explain(batch_size=32)
    for words in ("does    embedding", "does    periodic encoding", "piecewise-linear encoding", "its sums by code"):
        assert words in text


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lamina.Columns(lamina.Linear(2, 3)), TypeError, "Columns: argument 0 is Linear.*Category"),
        (lambda: lamina.Columns(lamina.Numeric(3), in_features=3), ValueError, "Columns: in_features is 3.*from 4"),
        (lambda: lamina.Numeric([]), ValueError, "Numeric: columns is empty"),
        (lambda: lamina.Numeric("age"), TypeError, "Numeric: columns is 'age'"),
        (lambda: lamina.Numeric(-1), ValueError, "Numeric: columns is -1"),
        (lambda: lamina.Category(0, 2**24 + 1, 2), ValueError, "Category: size"),
        (lambda: lamina.Category(0, 3, 0), ValueError, "Category: features"),
        (lambda: lamina.Category([0], 3, 2), TypeError, "Category: column"),
        (lambda: lamina.Periodic(0, frequencies=0), ValueError, "Periodic: frequencies"),
        (lambda: lamina.Periodic(0, sigma=-1), ValueError, "Periodic: sigma"),
        (lambda: lamina.PiecewiseLinear(0, [1.0]), ValueError, r"PiecewiseLinear: edges has shape \(1,\)"),
        (lambda: lamina.PiecewiseLinear(0, [1.0, 1.0]), ValueError, "PiecewiseLinear: edges must be finite and ascend"),
        (lambda: lamina.PiecewiseLinear(0, [1.0, np.inf]), ValueError, "PiecewiseLinear: edges must be finite"),
        (lambda: lamina.PiecewiseLinear(0, ["a", "b"]), TypeError, "PiecewiseLinear: edges"),
        (lambda: lamina.Sequential(lamina.Numeric(0)), TypeError, "Sequential: argument 0 is Numeric"),
        (lambda: lamina.Sequential(lamina.Columns()), ValueError, "Sequential: layer 0 .columns. has no parts"),
        (
            lambda: lamina.Sequential(lamina.Columns(*[lamina.Category(1, 3, 2)] * 2)),
            ValueError,
            "Sequential: layer 0 .columns. has embedding_1 twice",
        ),
        (
            lambda: lamina.Sequential(lamina.Columns(lamina.PiecewiseLinear(0, [1.0, 1 + 1e-12]))),
            ValueError,
            "Sequential: edges 0 and 1 of feature 0 are 1 and 1, need to ascend",
        ),
        (
            lambda: lamina.Sequential(lamina.Linear(2, 2), lamina.Columns(lamina.Numeric([0, 1]))),
            ValueError,
            "Sequential: layer 1 .columns. stands behind others, needs to be the first",
        ),
        (
            lambda: lamina.Sequential(lamina.Residual(lamina.Columns(lamina.Numeric([0, 1])))),
            ValueError,
            "Sequential: layer 0.0 .columns. stands behind others",
        ),
        (lambda: lamina.Sequential(columns(), lamina.Linear(WIDTH + 1, 2)), ValueError, f"before it gives {WIDTH}"),
    ],
)
def test_columns_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"kind": "numeric", "column": 1, "count": 2}, "column 1: count is 2, needs 1 to 1"),
        ({"kind": "numeric", "column": -1, "count": 1}, "column is -1"),
        ({"kind": "category", "column": 2, "size": 3, "features": 2}, "column is 2, needs 0 to 1"),
        ({"kind": "category", "column": 0, "size": 0, "features": 2}, "size is 0"),
        ({"kind": "periodic", "column": 0, "frequencies": 2**40}, "frequencies is"),
        ({"kind": "piecewise_linear", "column": 0, "edges": [1.0]}, "edges less one is 0"),
        ({"kind": "piecewise_linear", "column": 0, "edges": []}, "edges less one is -1"),
        ({"kind": "ordinal", "column": 0}, "kind is 'ordinal', needs one of numeric, category"),
        ({"kind": "numeric", "column": 0, "count": 1, "size": 2}, "unknown keys"),
        ({"kind": "numeric", "column": 0}, "lacks 'count'"),
    ],
)
def test_columns_are_checked_in_native_code(part, message):
    with pytest.raises(ValueError, match=message):
        _core.Network([{"kind": "columns", "in_features": 2, "parts": [part]}], "float32")


@pytest.mark.parametrize(
    "encoding", [lamina.Periodic(0, frequencies=16, sigma=3.0), lamina.PiecewiseLinear(0, np.linspace(0, 1, 33))]
)
def test_columns_encoded_learn_a_wave_that_a_number_does_not(rng, encoding):
    x = rng.random((400, 1))
    y = np.sin(2 * np.pi * 5 * x[:, 0])

    def score(part):
        width = lamina.Sequential(lamina.Columns(part)).out_features
        layers = lamina.Linear(width, 16), lamina.ReLU(), lamina.Linear(16, 1)
        trainer = lamina.Trainer(
            lamina.Sequential(lamina.Columns(part), *layers, seed=1), "squared_error", lamina.Adam(lr=0.01)
        )
        trainer.fit(x[:300], y[:300], epochs=100, batch_size=32, progress=False)
        return trainer.evaluate(x[300:], y[300:])["score"]

    assert score(encoding) > 0.95 > 0.5 > score(lamina.Numeric(0))
