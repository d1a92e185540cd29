"""Ensembles: means, votes, files; bagging: its samples, its seeds and its out-of-bag score."""

import copy
import dataclasses

import numpy as np
import pytest

import lamina
from comparison import assert_same_bits
from lamina import ops
from lamina._seeds import LAST_STEP, derived_seeds
from small_nets import clouds, make_net


@pytest.fixture
def data(rng):
    return clouds(rng)


def constant_nets(rows, dtype="float32"):
    """Nets of one input whose outputs are the given rows, whatever the input."""
    nets = []
    for row in rows:
        net = lamina.Sequential(lamina.Linear(1, len(row), init="zeros"), dtype=dtype)
        net.parameters()["0.bias"][...] = row
        nets.append(net)
    return nets


def test_ensemble_takes_means(dtype, data):
    nets = [make_net(dtype, seed=seed) for seed in range(3)]
    ensemble = lamina.Ensemble(iter(nets))
    assert len(ensemble) == 3 and ensemble.nets == nets
    for method, options in (("predict", {}), ("predict_proba", {}), ("predict_proba", {"multi_label": True})):
        answer = getattr(ensemble, method)(data[0], **options)
        mean = np.mean([getattr(net, method)(data[0], **options).astype(np.float64) for net in nets], axis=0)
        assert answer.dtype == dtype
        np.testing.assert_allclose(answer, mean, rtol=np.finfo(dtype).eps, atol=0)


def test_ensemble_probabilities_are_not_those_of_the_mean_logits():
    ensemble = lamina.Ensemble(constant_nets([[0, 10], [0, -1]]))
    expected = (1 / (1 + np.exp(-10)) + 1 / (1 + np.exp(1))) / 2
    np.testing.assert_allclose(ensemble.predict_proba([[1.0]])[0, 1], expected, rtol=1e-6)


def test_ensemble_votes_are_counted_and_ties_go_to_the_lower_class():
    ensemble = lamina.Ensemble(constant_nets([[0, 1, 2], [0, 1, 2], [5, 1, 0], [9, 0, 0], [0, 3, 0]]))
    x = np.zeros((7, 1))
    assert ensemble.votes(x).dtype == np.int64 and ensemble.votes(x).tolist() == [[2, 1, 2]] * 7
    assert ensemble.vote(x).tolist() == [0] * 7
    binary = lamina.Ensemble(constant_nets([[1.0], [-1.0], [0.0], [2.0], [3.0]]))
    assert binary.votes([[0.0]]).tolist() == [[2, 3]] and binary.vote([[0.0]]).tolist() == [1]
    assert binary.votes(x[:0]).shape == (0, 2)


def test_ensemble_pickles_and_is_saved(data, tmp_path):
    ensemble = lamina.Ensemble([make_net(seed=seed) for seed in range(11)])
    ensemble.oob_score = 1 / 3
    ensemble.save(tmp_path / "nets.safetensors")
    for again in (copy.deepcopy(ensemble), lamina.Ensemble.load(tmp_path / "nets.safetensors")):
        assert again.oob_score == 1 / 3
        assert_same_bits(again.predict(data[0]), ensemble.predict(data[0]))
        for net, expected in zip(again.nets, ensemble.nets, strict=True):
            assert_same_bits(net.state_dict(), expected.state_dict())


@dataclasses.dataclass(frozen=True)
class Doubling(lamina.PythonLayer):
    """Twice its input."""

    def forward(self, x, parameters, mode):
        return 2 * x

    def backward(self, dy, x, y, parameters, mode):
        return 2 * dy


def test_ensemble_files_hold_layers_within_layers_and_layers_written_in_python(data, tmp_path):
    inner = lamina.Residual(lamina.Linear(4, 4), lamina.Tanh()), Doubling(), lamina.Linear(4, 3)
    ensemble = lamina.Ensemble(lamina.Sequential(*inner, seed=seed) for seed in range(2))
    ensemble.save(tmp_path / "nets.safetensors")
    again = lamina.Ensemble.load(tmp_path / "nets.safetensors", layers=iter([Doubling]))
    assert_same_bits(again.predict(data[0]), ensemble.predict(data[0]))


def test_ensemble_files_that_hold_none_are_refused(tmp_path):
    path = tmp_path / "file.safetensors"
    make_net().save(path)
    with pytest.raises(ValueError, match="Ensemble.load: .*holds no ensemble"):
        lamina.Ensemble.load(path)
    lamina.Ensemble([make_net()]).save(path)
    with pytest.raises(ValueError, match="holds no net"):
        lamina.load(path)
    tensors, metadata = lamina.io.load_safetensors(path)
    for name, changed, text in [
        ("a tensor", {**tensors, "1.0.weight": tensors["0.0.weight"]}, metadata["lamina.ensemble"]),
        ("another", {key: value for key, value in tensors.items() if key != "0.0.bias"}, metadata["lamina.ensemble"]),
        ("no JSON", tensors, "{"),
        ("no nets", {}, '{"nets": [], "oob_score": null}'),
        ("no list", {}, '{"nets": 3, "oob_score": null}'),
    ]:
        lamina.io.save_safetensors(path, changed, {"lamina.ensemble": text})
        with pytest.raises(ValueError, match="holds a damaged ensemble"):
            lamina.Ensemble.load(path), name


def bagged(data, n=8, seed=0, **options):
    settings = {"trainer": {"optimizer": lamina.Adam(lr=0.02)}, "epochs": 8, "batch_size": 16, "progress": False}
    return lamina.bagging(lambda seed: make_net(seed=seed), *data, n=n, seed=seed, **settings | options)


def test_bagging_trains_each_net_on_its_sample(data, rng):
    x, y = data
    weight = rng.random(len(x))
    ensemble = bagged(data, n=3, seed=9, sample_weight=weight, shuffle=False)
    for index, (net, own_seed) in enumerate(zip(ensemble.nets, derived_seeds(9, 3), strict=True)):
        bag = ops.random_uniform(len(x), seed=9, layer=index, step=LAST_STEP, dtype="float64") * len(x)
        bag = bag.astype(int)
        assert 0.5 < len(np.unique(bag)) / len(x) < 0.75  # 1 - 1/e = 0.63
        alone = lamina.Trainer(make_net(seed=own_seed), optimizer=lamina.Adam(lr=0.02), seed=own_seed)
        alone.fit(x[bag], y[bag], sample_weight=weight[bag], epochs=8, batch_size=16, shuffle=False, progress=False)
        assert_same_bits(net.state_dict(), alone.net.state_dict())


def one_net():
    net = make_net()
    return lambda seed: net


def test_bagging_has_one_answer_for_one_seed(data):
    once, again, other = bagged(data, n=3), bagged(data, n=3), bagged(data, n=3, seed=1)
    assert once.oob_score == again.oob_score
    assert_same_bits(once.predict(data[0]), again.predict(data[0]))
    assert not np.array_equal(once.predict(data[0]), other.predict(data[0]))


def test_bagging_on_a_device_is_the_same(data):
    if not lamina.cuda.is_available():
        pytest.skip(lamina.cuda.status())
    here = bagged(data, n=2)
    there = lamina.bagging(
        lambda seed: make_net(seed=seed).to("cuda"), *data, n=2, trainer={"optimizer": lamina.Adam(lr=0.02)},
        epochs=8, batch_size=16, progress=False,
    )  # fmt: skip
    assert there.oob_score == here.oob_score
    assert_same_bits(there.predict_proba(data[0]), here.predict_proba(data[0]))
    calibrated = [lamina.calibrate(each.nets[0], *data) for each in (here, there)]
    assert_same_bits(calibrated[1].predict(data[0]), calibrated[0].predict(data[0]))


def by_hand(ensemble, x, seed):
    """The mean answers of the nets that have not seen a row, and where there are any."""
    total, count = np.zeros((len(x), ensemble.nets[0].out_features)), np.zeros(len(x))
    for index, net in enumerate(ensemble.nets):
        bag = (ops.random_uniform(len(x), seed=seed, layer=index, step=LAST_STEP, dtype="float64") * len(x)).astype(int)
        for row in set(range(len(x))) - set(bag.tolist()):
            given = net.predict_proba(x[row : row + 1]) if net.out_features > 1 else net.predict(x[row : row + 1])
            total[row] += given[0]
            count[row] += 1
    return total[count > 0] / count[count > 0, None], count > 0


def test_bagging_out_of_bag_score_is_the_accuracy_of_nets_that_have_not_seen_the_row(data):
    x, y = data[0], (data[1] + (np.arange(90) % 4 == 0)) % 3  # a quarter of the labels tell nothing
    ensemble = bagged((x, y), epochs=100)
    mean, met = by_hand(ensemble, x, 0)
    assert ensemble.oob_score == pytest.approx((mean.argmax(1) == y[met]).mean())
    assert ensemble.oob_score < (ensemble.vote(x) == y).mean() - 0.1  # which counts what was learned by heart


def test_bagging_out_of_bag_score_of_values_is_r_squared(data, rng, tmp_path):
    x = data[0]
    y = x @ [1.0, -2.0, 0.5, 0.0] + 0.1 * rng.normal(size=len(x))
    ensemble = lamina.bagging(
        lambda seed: make_net(outputs=1, seed=seed, modern=False), x, y, n=5, epochs=60, progress=False,
        trainer={"loss": "mean_squared_error", "optimizer": lamina.Adam(lr=0.02)}, batch_size=16,
    )  # fmt: skip
    mean, met = by_hand(ensemble, x, 0)
    rest, spread = ((y[met] - mean[:, 0]) ** 2).sum(), ((y[met] - y[met].mean()) ** 2).sum()
    assert ensemble.oob_score == pytest.approx(1 - rest / spread, rel=1e-6)
    assert 0.7 < ensemble.oob_score < 1
    ensemble.save(tmp_path / "nets.safetensors")
    for nets in (ensemble, lamina.Ensemble.load(tmp_path / "nets.safetensors")):
        assert nets.loss == "mean_squared_error"
        for method in (nets.vote, nets.votes, nets.predict_proba):
            with pytest.raises(ValueError, match="learnt values, by mean_squared_error; predict gives their mean"):
                method(x)


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", "kl_divergence"])
def test_bagging_scores_the_other_losses_with_classes(data, loss):
    x, targets = data[0], np.eye(3)[data[1]]
    ensemble = bagged((x, targets), trainer={"loss": loss, "optimizer": lamina.Adam(lr=0.02)}, epochs=60)
    assert 0.8 < ensemble.oob_score < 1


def test_bagging_without_rows_left_out_or_with_diverged_nets_has_no_score(data):
    x, y = data
    diverged = {"loss": "squared_error", "optimizer": lamina.SGD(lr=1e30)}
    nets = {"n": 2, "progress": False, "trainer": diverged, "epochs": 9}
    with pytest.warns(RuntimeWarning, match="the loss is (nan|inf)"):
        ensemble = lamina.bagging(lambda seed: make_net(outputs=1, modern=False), x, x[:, 0], **nets)
    assert np.isnan(ensemble.oob_score)
    assert np.isnan(bagged((x[:1], y[:1]), n=2, trainer={"loss": "cross_entropy"}, epochs=0).oob_score)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda data: lamina.Ensemble([]), ValueError, "Ensemble: nets none given"),
        (lambda data: lamina.Ensemble([make_net(), make_net(outputs=2)]), ValueError, "4 in, 2 out.*4 in, 3 out"),
        (lambda data: lamina.Ensemble([make_net(), "net"]), TypeError, "Ensemble: 'net' given"),
        (lambda data: lamina.Ensemble(3), TypeError, "Ensemble: nets is 3"),
        (lambda data: lamina.Ensemble([make_net()]).vote([[1.0]]), ValueError, r"X has shape \(1, 1\)"),
        (lambda data: lamina.bagging(make_net(), *data), TypeError, "bagging: make_net"),
        (lambda data: lamina.bagging(lambda seed: 3, *data, progress=False), TypeError, "net is 3"),
        (lambda data: lamina.bagging(one_net(), *data, progress=False), ValueError, "make_net returned the same net"),
        (lambda data: lamina.Ensemble(make_net()), TypeError, r"Ensemble: Linear\(.* given"),
        (lambda data: bagged(data, n=0), ValueError, "bagging: n is 0"),
        (lambda data: bagged(data, seed=-1), ValueError, "bagging: seed is -1"),
        (lambda data: bagged((data[0], data[1][:-1])), ValueError, "bagging: y has 89 labels"),
        (lambda data: bagged(data, sample_weight=[1]), ValueError, "bagging: sample_weight has shape"),
        (lambda data: bagged(data, epochs=-1), ValueError, "epochs is -1"),
        (lambda data: bagged(data, rate=3), TypeError, "rate"),
    ],
)
def test_ensemble_mistakes_are_told(make, error, message, data):
    with pytest.raises(error, match=message):
        make(data)
