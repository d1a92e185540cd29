"""Layers written in Python: in nets, in training, in gradcheck, in files; and what is said of their mistakes."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import lamina
from lamina import Linear, PythonLayer, Sequential


@dataclasses.dataclass(frozen=True)
class Power(PythonLayer):
    """y = scale sign(x) |x|^exponent + shift, with a scale for each unit and one shift."""

    exponent: float = 1.5

    def initial(self, features):
        return {"scale": np.full(features, 2.0), "shift": [0.5]}

    def forward(self, x, parameters, mode):
        return parameters["scale"] * np.sign(x) * np.abs(x) ** self.exponent + parameters["shift"]

    def backward(self, dy, x, y, parameters, mode):
        power = np.sign(x) * np.abs(x) ** self.exponent
        slope = self.exponent * np.abs(x) ** (self.exponent - 1)
        return dy * parameters["scale"] * slope, {"scale": (dy * power).sum(axis=0), "shift": [dy.sum()]}


class Pairs(PythonLayer):
    """Products of neighbours: as many columns less one."""

    in_features, out_features = 4, 3

    def forward(self, x, parameters, mode):
        return x[:, 1:] * x[:, :-1]

    def backward(self, dy, x, y, parameters, mode):
        dx = np.zeros_like(x)
        dx[:, 1:] += dy * x[:, :-1]
        dx[:, :-1] += dy * x[:, 1:]
        return dx


class Mask(PythonLayer):
    """Dropout once more, to see that forward and backward draw alike."""

    def _mask(self, x, mode):
        key = {"seed": mode.seed, "layer": mode.layer, "step": mode.step}
        return lamina.ops.dropout_mask(x.shape, 0.5, **key) if mode.training else np.ones_like(x)

    def forward(self, x, parameters, mode):
        return x * self._mask(x, mode)

    def backward(self, dy, x, y, parameters, mode):
        return dy * self._mask(dy, mode)


def net_of(*layers, dtype="float64"):
    return Sequential(Linear(3, 4), lamina.Tanh(), *layers, seed=2, dtype=dtype)


NETS = {
    "with parameters": lambda: (Power(), Linear(4, 2)),
    "of another width": lambda: (Pairs(), Linear(3, 2)),
    "drawing": lambda: (Mask(), Linear(4, 2)),
    "in a residual": lambda: (lamina.Residual(Linear(4, 4), Power()), Linear(4, 2)),
    "at the end": lambda: (Linear(4, 2), Power()),
}


@pytest.fixture(params=NETS)
def layers(request):
    return NETS[request.param]()


@pytest.fixture
def data(rng):
    x = rng.standard_normal((20, 3))
    return x, (x[:, 0] > 0).astype(int)


def test_gradcheck_passes(layers, data):
    report = lamina.gradcheck(net_of(*layers), *data)
    assert report.ok, report


def test_gradcheck_names_the_parameter_of_a_wrong_backward(data):
    class Wrong(Power):
        def backward(self, dy, x, y, parameters, mode):
            dx, gradients = super().backward(dy, x, y, parameters, mode)
            return dx, gradients | {"scale": 1.01 * gradients["scale"]}

    report = lamina.gradcheck(net_of(Wrong(), Linear(4, 2)), *data)
    assert not report.ok and report.worst.name == "2.scale"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trains(layers, data, dtype):
    net = net_of(*layers, dtype=dtype)
    losses = lamina.Trainer(net, optimizer=lamina.Adam(lr=0.02), seed=1).fit(*data, epochs=60, progress=False)["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert net.predict(data[0], batch_size=7).dtype == dtype
    np.testing.assert_array_equal(net.predict(data[0], batch_size=7), net(data[0]))


def test_first_layer_of_a_net(data):
    class Square(PythonLayer):
        in_features = out_features = 3

        def forward(self, x, parameters, mode):
            return x**2

        def backward(self, dy, x, y, parameters, mode):
            raise AssertionError("nothing below asks for a gradient")

    net = Sequential(Square(), Linear(3, 2), dtype="float64")
    assert lamina.gradcheck(net, *data).ok


def test_starts_as_it_says_and_is_known_by_name():
    net = net_of(Power(), Linear(4, 2))
    assert list(net.parameters())[2:4] == ["2.scale", "2.shift"]
    assert net.parameters()["2.scale"].tolist() == [2.0] * 4 and net.parameters()["2.shift"].tolist() == [0.5]
    assert "Power, computed in Python" in net.explain() and "Power" in net.explain(batch_size=4)


def test_what_it_sees_stays_when_it_is_kept(data):
    seen = []

    class Keeps(PythonLayer):
        def forward(self, x, parameters, mode):
            seen.append(x)
            return x

        def backward(self, dy, x, y, parameters, mode):
            return dy

    net = net_of(Keeps(), Linear(4, 2))
    net(data[0])
    first = seen[0].copy()
    net(2 * data[0])
    np.testing.assert_array_equal(seen[0], first)


def test_files_and_copies(tmp_path, data):
    net = net_of(Power(1.25), lamina.Residual(Linear(4, 4), Power()), Linear(4, 2))
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)
    net.save(tmp_path / "net.safetensors")
    again = lamina.load(tmp_path / "net.safetensors", layers=[Power])
    assert again[2] == Power(1.25)
    for other in (again, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other(data[0]), net(data[0]))
    with pytest.raises(ValueError, match="the class Power, written in Python"):
        lamina.load(tmp_path / "net.safetensors")
    with pytest.raises(TypeError, match="Pairs is no dataclass"):
        net_of(Pairs(), Linear(3, 2)).save(tmp_path / "other.safetensors")


class Broken(PythonLayer):
    def __init__(self, forward=None, backward=None, initial=None):
        self.forward_, self.backward_, self.initial_ = forward, backward, initial or {}

    def initial(self, features):
        return self.initial_

    def forward(self, x, parameters, mode):
        return x if self.forward_ is None else self.forward_(x)

    def backward(self, dy, x, y, parameters, mode):
        return dy if self.backward_ is None else self.backward_(dy)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Broken(forward=lambda x: x[:, :2]), r"Broken.forward: y has shape \(20, 2\), \(20, 4\) is needed"),
        (Broken(backward=lambda dy: dy[:3]), r"Broken.backward: dx has shape \(3, 4\), \(20, 4\) is needed"),
        (Broken(initial={"a": [1.0]}), r"Broken.backward: gradients of \[\] are given, of \['a'\] are needed"),
        (
            Broken(initial={"a": [1.0]}, backward=lambda dy: (dy, {"a": [1.0, 2.0]})),
            r"the gradient of a has shape \(2,\), \(1,\) is needed",
        ),
        (Broken(initial={"a.b": [1.0]}), "Broken.initial: a parameter is named 'a.b'"),
        (Broken(initial={"a": []}), "Broken.initial: a has shape"),
        (Broken(forward=lambda x: "text"), "Broken.forward: "),
    ],
)
def test_mistakes_are_named_and_nothing_moves(layer, message, data):
    with pytest.raises(ValueError, match=message):
        net = net_of(layer, Linear(4, 2))
        before = net.state_dict()
        try:
            lamina.Trainer(net).fit(*data, progress=False)
        finally:
            for name, array in net.state_dict().items():
                np.testing.assert_array_equal(array, before[name])


def test_errors_of_its_own_arrive_as_they_are(data):
    class Refuses(PythonLayer):
        def forward(self, x, parameters, mode):
            raise LookupError("no")

    net = net_of(Refuses(), Linear(4, 2))
    with pytest.raises(LookupError, match="no"):
        net(data[0])


def test_a_class_needs_forward_and_to_learn_backward(data):
    class Nothing(PythonLayer):
        pass

    class Doubles(PythonLayer):
        def forward(self, x, parameters, mode):
            return 2 * x

    for kind in (PythonLayer, Nothing):
        with pytest.raises(TypeError, match=f"abstract class {kind.__name__} .*forward"):
            kind()
    inputs = data[0].shape[1]
    net = Sequential(Linear(inputs, 4), Doubles(), Linear(4, 2), dtype="float64", seed=1)
    np.testing.assert_array_equal(net[:2](data[0]), 2 * net[:1](data[0]))
    before = net.state_dict()
    with pytest.raises(TypeError, match="Trainer.fit: Doubles.backward: the class has none, it is needed where"):
        lamina.Trainer(net).fit(*data, progress=False)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    above = Sequential(Doubles(), Linear(inputs, 2), dtype="float64", seed=1)  # nothing is learned below
    assert lamina.gradcheck(above, *data).ok


def test_a_device_is_refused():
    with pytest.raises((ValueError, lamina.BackendError), match="Power. is computed in Python, needs a net on the CPU"):
        Sequential(Linear(2, 2), Power(), device="cuda")


def test_its_class_is_asked_once_for_what_it_learns(data):
    """What changes its mind later writes over nobody."""

    class Grows(PythonLayer):
        features = 4

        def initial(self, features):
            return {"w": np.ones(self.features)}

        def forward(self, x, parameters, mode):
            assert parameters["w"].shape == (4,)
            return x * parameters["w"]

        def backward(self, dy, x, y, parameters, mode):
            return dy * parameters["w"], {"w": (dy * x).sum(axis=0)}

    layer = Grows()
    net = net_of(layer, Linear(4, 2))
    layer.features = 20
    net.freeze(0)
    assert lamina.gradcheck(net_of(Grows(), Linear(4, 2)), *data).ok
    lamina.Trainer(net).fit(*data, epochs=1, progress=False)
    assert net.parameters()["2.w"].shape == (4,)


def test_of_the_name_of_another_layer(tmp_path, data):
    @dataclasses.dataclass(frozen=True)
    class Tanh(PythonLayer):
        def forward(self, x, parameters, mode):
            return 1.7159 * np.tanh(2 * x / 3)

        def backward(self, dy, x, y, parameters, mode):
            return dy * (1.7159 * 2 / 3 - 2 / 3 * y * y / 1.7159)

    net = net_of(Tanh(), Linear(4, 2))
    net.save(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"the class Tanh, written in Python: give it with layers=\[Tanh\]"):
        lamina.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(lamina.load(tmp_path / "net.safetensors", layers=[Tanh])(data[0]), net(data[0]))


def test_fields_that_no_file_holds(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Table(PythonLayer):
        values: np.ndarray

        def forward(self, x, parameters, mode):
            return x

    with pytest.raises(TypeError, match="Table.* has a field that no file can hold"):
        net_of(Table(np.ones(3)), Linear(4, 2)).save(tmp_path / "net.safetensors")


class Fails(PythonLayer):
    """Fails in the third pass."""

    def __init__(self, where):
        self.where, self.left = where, 2

    def _count(self, where):
        if self.where == where:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("no more")

    def forward(self, x, parameters, mode):
        self._count("forward")
        return x

    def backward(self, dy, x, y, parameters, mode):
        self._count("backward")
        return dy


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("inside", [False, True])
def test_statistics_stay_where_a_step_fails(data, where, inside):
    """Running statistics and their count are those of the whole steps."""

    def net_with(layer):
        layers = lamina.BatchNorm(4), layer
        return net_of(*([lamina.Residual(*layers)] if inside else layers), Linear(4, 2))

    def run(net, how):
        if how == "fit":
            lamina.Trainer(net, seed=1).fit(*data, batch_size=5, epochs=1, shuffle=False, progress=False)
        for rows in range(0, 20, 5):
            part = data[0][rows : rows + 5], data[1][rows : rows + 5]
            if how == "loss_and_gradients":
                net.loss_and_gradients(*part)
            elif how == "forward":
                net.forward(part[0], training=True)

    for how in ("fit", "loss_and_gradients", "forward"):
        if (how, where) == ("forward", "backward"):
            continue
        net, twin = net_with(Fails(where)), net_with(Fails("nowhere"))
        with pytest.raises(RuntimeError, match="no more"):
            run(net, how)
        if how == "fit":
            lamina.Trainer(twin, seed=1).fit(data[0][:10], data[1][:10], batch_size=5, epochs=1, shuffle=False,
                                             progress=False)  # fmt: skip
        else:
            for rows in (0, 5):
                twin.forward(data[0][rows : rows + 5], training=True)
        for name, array in net.state_dict().items():
            np.testing.assert_array_equal(array, twin.state_dict()[name], name)
