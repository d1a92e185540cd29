"""Residual connections: against NumPy by hand, gradients, names, files, devices; within others and at a net's ends."""

import copy

import numpy as np
import pytest

import lamina
from lamina import Linear, ReLU, Residual, Sequential


def block(width, inside=6):
    return Residual(
        lamina.LayerNorm(width), Linear(width, inside), lamina.GELU(), lamina.Dropout(0.25), Linear(inside, width)
    )


NETS = {
    "in the middle": lambda: (Linear(5, 4), block(4), Linear(4, 3)),
    "at the end": lambda: (Linear(5, 3), Residual(Linear(3, 3), lamina.Tanh())),
    "at the beginning": lambda: (Residual(lamina.Tanh(), Linear(5, 5)), Linear(5, 3)),
    "alone": lambda: (Residual(Linear(3, 7), lamina.Tanh(), Linear(7, 3)),),
    "in another": lambda: (Linear(5, 4), Residual(block(4), lamina.BatchNorm(4), lamina.Tanh()), Linear(4, 3)),
    "one after the other": lambda: (Linear(5, 4), block(4), block(4), Linear(4, 3)),
    "without parameters": lambda: (Linear(5, 3), Residual(lamina.Tanh(), lamina.Softplus())),
    "with boxes at its ends": lambda: (
        Linear(5, 3),
        Residual(lamina.PReLU(), Linear(3, 3), lamina.PReLU(per_unit=True)),
    ),
}


@pytest.fixture(params=NETS)
def layers(request):
    return NETS[request.param]()


def data_for(net, rng, rows=7):
    return rng.standard_normal((rows, net.in_features)), rng.integers(0, net.out_features, rows)


def test_what_comes_out_is_the_sum(rng):
    x = rng.standard_normal((4, 3))
    net = Sequential(Residual(Linear(3, 5), ReLU(), Linear(5, 3)), dtype="float64")
    w = net.state_dict()
    inside = np.maximum(x @ w["0.0.weight"].T + w["0.0.bias"], 0) @ w["0.2.weight"].T + w["0.2.bias"]
    np.testing.assert_allclose(net(x), x + inside, rtol=1e-12)
    np.testing.assert_array_equal(net.predict(x, batch_size=3), net(x))


def test_gradients(layers, rng):
    net = Sequential(*layers, seed=3, dtype="float64")
    report = lamina.gradcheck(net, *data_for(net, rng))
    assert report.ok, report


def test_every_instruction_set_and_the_device_give_the_same_bits(layers, rng, isa):
    before, results = lamina.get_isa(), []
    for level in ("generic", isa):
        device = "cuda" if level == "cuda" else "cpu"
        lamina.set_isa(before if level == "cuda" else level)
        net = Sequential(*layers, seed=3, device=device)
        trainer = lamina.Trainer(net, seed=1)
        x, y = data_for(net, np.random.default_rng(5), rows=70)
        trainer.fit(x, y, epochs=2, batch_size=16, progress=False)
        results.append({name: np.asarray(lamina._arrays.on_host(array)) for name, array in net.state_dict().items()})
    lamina.set_isa(before)
    for name, array in results[0].items():
        np.testing.assert_array_equal(array, results[1][name], err_msg=name)


def test_fused_and_unfused_give_the_same_bits(layers, rng):
    x, _ = data_for(Sequential(*layers), rng)
    fused, apart = (Sequential(*layers, seed=1, fuse=fuse)(x) for fuse in (True, False))
    np.testing.assert_array_equal(fused, apart)


def test_names_files_and_copies(tmp_path, rng):
    net = Sequential(*NETS["in another"](), seed=4)
    names = list(net.state_dict())
    assert names[2:6] == ["1.0.0.weight", "1.0.0.bias", "1.0.1.weight", "1.0.1.bias"]
    assert "1.1.running_mean" in names and names[-1] == "2.bias"
    x, y = data_for(net, rng)
    lamina.Trainer(net).fit(x, y, epochs=2, progress=False)
    net.save(tmp_path / "net.safetensors")
    for again in (lamina.load(tmp_path / "net.safetensors"), copy.deepcopy(net)):
        assert list(again) == list(net)
        np.testing.assert_array_equal(again(x), net(x))
    assert list(net[1:].parameters())[0] == "0.0.0.weight"


def test_layers_inside_draw_and_start_differently():
    net = Sequential(Linear(8, 8), Residual(Linear(8, 8)), Residual(Linear(8, 8)))
    weights = [net.parameters()[name] for name in ("0.weight", "1.0.weight", "2.0.weight")]
    assert len({weight.tobytes() for weight in weights}) == 3
    he = Sequential(Residual(Linear(1000, 1000), ReLU())).parameters()["0.0.weight"]
    assert he.std() == pytest.approx(np.sqrt(2 / 1000), rel=0.01)  # He before the ReLU inside


def test_a_deep_net_with_residuals_learns_what_a_plain_one_does_not():
    x = np.random.default_rng(0).standard_normal((512, 8)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)

    def loss(wrap):
        blocks = [wrap(Linear(8, 8, init="uniform"), lamina.Tanh()) for _ in range(30)]
        net = Sequential(*(layer for block in blocks for layer in block), Linear(8, 2), seed=0)
        return lamina.Trainer(net, optimizer=lamina.Adam(lr=3e-3), seed=0).fit(x, y, epochs=60, progress=False)["loss"][
            -1
        ]

    assert loss(lambda *layers: (Residual(*layers),)) < 0.35 < 0.6 < loss(lambda *layers: layers)


def test_explain_shows_the_layers_inside():
    net = Sequential(Linear(4, 8), block(8), Linear(8, 2))
    assert "residual(layernorm(8) + linear(8 -> 6) + gelu + dropout(0.25) + linear(6 -> 8))" in net.explain()
    text = net.explain(batch_size=32)
    assert text.count("weighted sum of two") == 2 and "(32, 8) x (8, 6)" in text


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Residual(), ValueError, "Residual: no layers"),
        (lambda: Residual(3), TypeError, "Residual: argument 0 is 3"),
        (lambda: Sequential(Residual(ReLU())), ValueError, "no layer says how wide"),
        (
            lambda: Sequential(Residual(Linear(4, 3))),
            ValueError,
            "layer 0 .residual. takes 4 features, its layers give 3",
        ),
        (
            lambda: Sequential(Linear(2, 4), Residual(Linear(3, 4))),
            ValueError,
            "layer 1.0 .linear. takes 3 features, its input has 4",
        ),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make()
