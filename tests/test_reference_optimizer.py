"""The reference's optimizers: hand-computed steps, torch's conventions, proximal L1, tiny moments."""

import numpy as np
import pytest

from lamina import reference as ref
from tolerances import IDENTITY


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=IDENTITY, atol=IDENTITY)


def test_sgd_with_momentum_follows_torch():
    for nesterov in (False, True):
        p, buffer, params, velocity = 1.0, 0.0, np.array([1.0]), np.zeros(1)
        for gradient in (0.5, -0.25, 2.0):
            g = gradient + 0.1 * p
            buffer = 0.9 * buffer + g
            p -= 0.01 * (g + 0.9 * buffer if nesterov else buffer)
            ref.sgd_step(
                params, np.array([gradient]), velocity, lr=0.01, momentum=0.9, nesterov=nesterov, weight_decay=0.1
            )
        near(params, [p])
        near(velocity, [buffer])


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_follows_torch(decoupled):
    p, m, v = 1.0, 0.0, 0.0
    params, first, second = np.array([1.0]), np.zeros(1), np.zeros(1)
    for step, gradient in enumerate((0.5, -0.25, 2.0), start=1):
        g = gradient
        if decoupled:
            p *= 1 - 1e-3 * 0.1
        else:
            g += 0.1 * p
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        p -= 1e-3 / (1 - 0.9**step) * m / (np.sqrt(v) / np.sqrt(1 - 0.999**step) + 1e-8)
        ref.adam_step(
            params, np.array([gradient]), first, second, lr=1e-3, step=step, weight_decay=0.1, decoupled=decoupled
        )
    near(params, [p])
    near(first, [m])
    near(second, [v])


def test_adagrad_follows_torch():
    p, total, params, square_sum = 1.0, 0.0, np.array([1.0]), np.zeros(1)
    for gradient in (0.5, -0.25, 2.0):
        g = gradient + 0.1 * p
        total += g * g
        p -= 0.01 * g / (np.sqrt(total) + 1e-10)
        ref.adagrad_step(params, np.array([gradient]), square_sum, lr=0.01, weight_decay=0.1)
    near(params, [p])
    near(square_sum, [total])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_follows_torch(momentum):
    p, mean, buffer = 1.0, 0.0, 0.0
    params, square_avg, velocity = np.array([1.0]), np.zeros(1), np.zeros(1)
    for gradient in (0.5, -0.25, 2.0):
        g = gradient + 0.1 * p
        mean = 0.99 * mean + 0.01 * g * g
        buffer = momentum * buffer + g / (np.sqrt(mean) + 1e-8)
        p -= 0.01 * buffer
        ref.rmsprop_step(
            params, np.array([gradient]), square_avg, velocity, lr=0.01, momentum=momentum, weight_decay=0.1
        )
    near(params, [p])
    near(square_avg, [mean])
    near(velocity, [buffer if momentum else 0.0])


def test_adam_starts_with_steps_of_the_learning_rate(rng):
    params, grads = np.zeros(9), rng.normal(size=9)
    ref.adam_step(params, grads, np.zeros(9), np.zeros(9), lr=0.1, step=1, eps=0.0)
    near(params, -0.1 * np.sign(grads))


def test_l1_solves_the_proximal_problem():
    start = np.array([0.3, -0.3, 0.05, -0.05, 0.1])
    params = start.copy()
    ref.sgd_step(params, np.zeros(5), lr=0.5, l1=0.2)
    near(params, [0.2, -0.2, 0, 0, 0])
    assert (params[2:] == 0).all()
    grid = np.linspace(-1, 1, 20001)
    for p, result in zip(start, params, strict=True):
        objective = (grid - p) ** 2 / 2 + 0.1 * np.abs(grid)
        assert abs(grid[np.argmin(objective)] - result) <= grid[1] - grid[0]


def test_zero_learning_rate_leaves_parameters(rng):
    start = rng.normal(size=5)
    params = start.copy()
    ref.sgd_step(params, rng.normal(size=5), np.zeros(5), lr=0.0, momentum=0.9, weight_decay=0.1, l1=0.3)
    ref.adam_step(params, rng.normal(size=5), np.zeros(5), np.zeros(5), lr=0.0, step=1, weight_decay=0.1, l1=0.3)
    ref.adagrad_step(params, rng.normal(size=5), np.zeros(5), lr=0.0, weight_decay=0.1, l1=0.3)
    ref.rmsprop_step(params, rng.normal(size=5), np.zeros(5), np.zeros(5), lr=0.0, momentum=0.9, l1=0.3)
    np.testing.assert_array_equal(params, start)


def test_moments_below_the_limit_become_zero():
    limit = 2.0**-100
    params, velocity = np.zeros(3), np.array([limit / 2, -limit / 2, 4 * limit])
    ref.sgd_step(params, np.zeros(3), velocity, lr=0.1, momentum=0.5)
    np.testing.assert_array_equal(velocity, [0, 0, 2 * limit])
    assert not np.signbit(velocity).any()
    m, v = np.array([-limit, 2 * limit]), np.array([limit, 2 * limit])
    ref.adam_step(np.zeros(2), np.zeros(2), m, v, lr=0.1, step=1, betas=(0.5, 0.5))
    np.testing.assert_array_equal(m, [0, limit])
    np.testing.assert_array_equal(v, [0, limit])
    assert not np.signbit(m).any()
    square_sum, square_avg = np.array([limit / 2, limit]), np.array([limit, 2 * limit])
    ref.adagrad_step(np.zeros(2), np.zeros(2), square_sum, lr=0.1)
    ref.rmsprop_step(np.zeros(2), np.zeros(2), square_avg, lr=0.1, rho=0.5)
    np.testing.assert_array_equal(square_sum, [0, limit])
    np.testing.assert_array_equal(square_avg, [0, limit])


def test_steps_write_in_place_in_the_callers_dtype():
    params, m, v = np.ones(2, np.float32), np.zeros(2, np.float32), np.zeros(2, np.float32)
    assert ref.adam_step(params, np.ones(2, np.float32), m, v, lr=0.5, step=1) is None
    assert params.dtype == np.float32 and (params < 1).all() and (m > 0).all() and (v > 0).all()


def test_nan_gradients_reach_the_parameters():
    for l1 in (0.0, 0.1):
        params = np.ones(1)
        ref.sgd_step(params, np.array([np.nan]), lr=0.1, l1=l1)
        assert np.isnan(params).all()
