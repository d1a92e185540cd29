"""Temperature scaling and the expected calibration error."""

import numpy as np
import pytest

import lamina
import tolerances
from comparison import assert_same_bits


def cross_entropy(z, y, temperature, weight=None):
    z = z / temperature
    losses = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(y)), y]
    return np.average(losses, weights=weight)


def answers(rng, rows, classes, temperature):
    """Logits that are `temperature` times too large, and labels drawn as the true ones say."""
    z = rng.normal(size=(rows, classes)) * 2
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return z * temperature, (p.cumsum(1) < rng.random((rows, 1))).sum(1)


@pytest.mark.parametrize("true", [0.2, 1.0, 5.0, 300.0])
def test_fit_temperature_finds_what_the_labels_were_drawn_with(true, rng):
    z, y = answers(rng, 20_000, 5, true)
    temperature = lamina.fit_temperature(z, y)
    assert temperature == pytest.approx(true, rel=0.03)
    for near in (0.999, 1.001):
        assert cross_entropy(z, y, temperature) < cross_entropy(z, y, temperature * near)


def test_fit_temperature_has_no_slope_left(rng):
    z, y = answers(rng, 300, 4, 2.0)
    weight = rng.random(300)
    t = lamina.fit_temperature(z, y, weight)
    h = 1e-4 * t
    slope = (cross_entropy(z, y, t + h, weight) - cross_entropy(z, y, t - h, weight)) / (2 * h)
    assert abs(slope) < 1e-8


def test_fit_temperature_takes_targets_and_weights_of_every_kind(rng):
    z, y = answers(rng, 200, 3, 2.0)
    t = lamina.fit_temperature(z, y)
    near = pytest.approx(t, rel=tolerances.IDENTITY)
    assert lamina.fit_temperature((z + rng.normal(size=(200, 1))).tolist(), y.tolist()) == near
    assert lamina.fit_temperature(z, np.eye(3)[y]) == near
    assert lamina.fit_temperature(z, y, np.full(200, 0.3)) == near
    counts = rng.integers(0, 3, 200)
    repeated = lamina.fit_temperature(z.repeat(counts, axis=0), y.repeat(counts))
    assert lamina.fit_temperature(z, y, counts) == pytest.approx(repeated, rel=tolerances.IDENTITY)
    z2, y2 = z[:, :2], (y == 1).astype(int)
    binary = lamina.fit_temperature(z2, y2)
    assert lamina.fit_temperature(z2[:, 1] - z2[:, 0], y2) == pytest.approx(binary, rel=tolerances.IDENTITY)
    several = np.stack([z2[:, 1] - z2[:, 0]] * 2, axis=1), np.stack([y2, y2], axis=1)
    assert lamina.fit_temperature(*several, multi_label=True) == pytest.approx(binary, rel=tolerances.IDENTITY)


@pytest.mark.parametrize("outputs", [4, 1])
def test_calibrate_divides_the_logits_and_keeps_the_net(outputs, rng, dtype):
    net = lamina.Sequential(
        lamina.Linear(outputs, 8), lamina.BatchNorm(8), lamina.ReLU(), lamina.Linear(8, outputs), seed=3, dtype=dtype
    )
    x = rng.normal(size=(500, outputs))
    y = rng.integers(0, max(2, outputs), 500)
    y[:250] = net.predict(x[:250]).argmax(1) if outputs > 1 else net.predict(x[:250])[:, 0] > 0
    before, logits = net.state_dict(), net.predict(x)
    calibrated = lamina.calibrate(net, x, y)
    assert_same_bits(net.state_dict(), before)
    temperature = lamina.fit_temperature(logits, y)
    np.testing.assert_allclose(calibrated.predict(x), logits / temperature, atol=1e-5, rtol=0)
    assert lamina.fit_temperature(calibrated.predict(x), y) == pytest.approx(1, abs=1e-5)
    assert calibrated.dtype == dtype


def test_calibrate_makes_an_overconfident_net_honest(rng):
    x = rng.normal(size=(3000, 10))
    y = (x[:, 0] + 2 * rng.normal(size=3000) > 0).astype(int)
    net = lamina.Sequential(lamina.Linear(10, 64), lamina.ReLU(), lamina.Linear(64, 2), seed=1)
    lamina.Trainer(net, optimizer=lamina.Adam(lr=0.01), seed=1).fit(x[:300], y[:300], epochs=60, progress=False)
    calibrated = lamina.calibrate(net, x[300:1500], y[300:1500])
    before, after = (
        lamina.expected_calibration_error(each.predict_proba(x[1500:]), y[1500:]) for each in (net, calibrated)
    )
    assert before > 0.2 and after < 0.05
    assert_same_bits(calibrated.predict(x).argmax(1), net.predict(x).argmax(1))


def test_expected_calibration_error_by_hand():
    p = np.array([[0.95, 0.05], [0.35, 0.65], [0.4, 0.6], [0.3, 0.7], [1.0, 0.0]])
    y = [0, 0, 1, 1, 1]
    # Bins of a tenth, upper ends included: {.95, 1}, {.65, .7}, {.6}; accuracies 1/2, 1/2, 1.
    assert lamina.expected_calibration_error(p, y, bins=10) == pytest.approx((0.95 + 0.35 + 0.4) / 5)
    assert lamina.expected_calibration_error(p, y, bins=1) == pytest.approx(abs(3 - 3.9) / 5)
    weight = np.array([2, 1, 0, 1, 3])
    repeated = lamina.expected_calibration_error(p.repeat(weight, axis=0), np.repeat(y, weight))
    assert lamina.expected_calibration_error(p, y, weight) == pytest.approx(repeated)


Z, Y = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), [0, 1, 1]
SOFT = [[0.9, 0.1], [0.8, 0.2], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lamina.fit_temperature(Z, [0, 0, 1]), ValueError, "fit_temperature: the colder the better"),
        (lambda: lamina.fit_temperature(Z, [1, 1, 0]), ValueError, "fit_temperature: the hotter the better"),
        (lambda: lamina.fit_temperature(Z * 0, Y), ValueError, "the hotter the better"),
        (lambda: lamina.fit_temperature(Z, [0, 1, 2]), ValueError, "fit_temperature: y is 2 in row 2"),
        (lambda: lamina.fit_temperature(Z, [0, 1]), ValueError, "2 labels, X has 3 rows"),
        (lambda: lamina.fit_temperature(Z * np.nan, Y), ValueError, "fit_temperature: logits holds nan"),
        (lambda: lamina.fit_temperature(Z[None], Y), ValueError, "fit_temperature: logits has shape"),
        (lambda: lamina.fit_temperature(Z[:0], []), ValueError, "logits has no rows"),
        (lambda: lamina.fit_temperature(Z[:, 0], [0, 1, 2]), ValueError, r"y is 2.0 in row 2.*\[0, 1\]"),
        (lambda: lamina.fit_temperature("ab", Y), TypeError, "fit_temperature: logits"),
        (lambda: lamina.fit_temperature(Z, Y, [1, 1]), ValueError, "fit_temperature: sample_weight"),
        (lambda: lamina.calibrate("net", Z, Y), TypeError, "calibrate: net"),
        (
            lambda: lamina.calibrate(lamina.Sequential(lamina.Linear(2, 2), lamina.Tanh()), Z, Y),
            ValueError,
            r"calibrate: the last layer is Tanh\(\)",
        ),
        (lambda: lamina.expected_calibration_error(Z, Y), ValueError, r"expected_calibration_error: .* in \[0, 1\]"),
        (lambda: lamina.expected_calibration_error(SOFT, SOFT), ValueError, r"labels \(3,\) are needed"),
        (lambda: lamina.expected_calibration_error(SOFT, [0, 1, 2]), ValueError, "y is 2 in row 2"),
        (lambda: lamina.expected_calibration_error(SOFT, Y, bins=0), ValueError, "bins is 0"),
        (lambda: lamina.expected_calibration_error([[np.nan, 1]], [0]), ValueError, r"numbers in \[0, 1\]"),
        (lambda: lamina.expected_calibration_error(np.zeros((0, 2)), []), ValueError, "probabilities has no rows"),
    ],
)
def test_calibration_mistakes_are_told(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_net_that_ends_in_zoneout_is_not_calibrated(rng):
    net = lamina.Sequential(lamina.Linear(4, 3), lamina.Zoneout(3, 3))
    with pytest.raises(ValueError, match="calibrate: the last layer is Zoneout"):
        lamina.calibrate(net, rng.standard_normal((6, 4)), [0, 1, 2, 0, 1, 2])
