"""What the optimizer steps refuse, with nothing modified."""

import numpy as np
import pytest

from bad_inputs import changed, check_refused, spoiled
from lamina import ops


def sgd_arguments(dtype):
    return dict(params=np.ones(5, dtype), grads=np.ones(5, dtype), velocity=np.ones(5, dtype), lr=0.1, momentum=0.9)


def adam_arguments(dtype):
    arrays = {name: np.ones(5, dtype) for name in ("params", "grads", "m", "v")}
    return dict(arrays, lr=0.1, step=1)


def not_numbers(arguments, *names):
    return [changed(arguments, ValueError, **{name: bad}) for name in names for bad in (-0.1, np.nan, np.inf)]


def test_sgd_refuses(dtype):
    arguments = sgd_arguments(dtype)
    check_refused(ops.sgd_step, spoiled(arguments, "params", "grads", "velocity"))
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    cases = not_numbers(arguments, "lr", "momentum", "weight_decay", "l1") + [
        changed(arguments, ValueError, velocity=None),
        changed(arguments, ValueError, momentum=0.0, nesterov=True),
        changed(arguments, ValueError, grads=np.ones(4, dtype)),
        changed(arguments, ValueError, velocity=np.ones(6, dtype)),
        changed(arguments, ValueError, params=read_only),
        changed(arguments, ValueError, velocity=read_only),
        changed(arguments, ValueError, velocity=arguments["params"]),
        changed(arguments, ValueError, grads=arguments["params"]),
        changed(arguments, TypeError, dampening=0.1),
    ]
    check_refused(ops.sgd_step, cases)


def test_adam_refuses(dtype):
    arguments = adam_arguments(dtype)
    check_refused(ops.adam_step, spoiled(arguments, "params", "grads", "m", "v"))
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    cases = not_numbers(arguments, "lr", "eps", "weight_decay", "l1") + [
        changed(arguments, ValueError, step=0),
        changed(arguments, ValueError, step=-3),
        changed(arguments, ValueError, betas=(1.0, 0.999)),
        changed(arguments, ValueError, betas=(0.9, -0.1)),
        changed(arguments, ValueError, betas=(np.nan, 0.999)),
        changed(arguments, ValueError, grads=np.ones(4, dtype)),
        changed(arguments, ValueError, m=np.ones(6, dtype)),
        changed(arguments, ValueError, params=read_only),
        changed(arguments, ValueError, m=read_only),
        changed(arguments, ValueError, v=read_only),
        changed(arguments, ValueError, v=arguments["m"]),
        changed(arguments, TypeError, amsgrad=True),
    ]
    check_refused(ops.adam_step, cases)


def test_adagrad_refuses(dtype):
    arguments = dict({name: np.ones(5, dtype) for name in ("params", "grads", "square_sum")}, lr=0.1)
    check_refused(ops.adagrad_step, spoiled(arguments, "params", "grads", "square_sum"))
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    cases = not_numbers(arguments, "lr", "eps", "weight_decay", "l1") + [
        changed(arguments, ValueError, grads=np.ones(4, dtype)),
        changed(arguments, ValueError, square_sum=np.ones(6, dtype)),
        changed(arguments, ValueError, square_sum=read_only),
        changed(arguments, ValueError, square_sum=arguments["grads"]),
        changed(arguments, TypeError, square_sum=None),
        changed(arguments, TypeError, lr="fast"),
        changed(arguments, TypeError, lr_decay=0.1),
    ]
    check_refused(ops.adagrad_step, cases)


def test_rmsprop_refuses(dtype):
    arrays = {name: np.ones(5, dtype) for name in ("params", "grads", "square_avg", "velocity")}
    arguments = dict(arrays, lr=0.1, momentum=0.9)
    check_refused(ops.rmsprop_step, spoiled(arguments, "params", "grads", "square_avg", "velocity"))
    read_only = np.ones(5, dtype)
    read_only.flags.writeable = False
    cases = not_numbers(arguments, "lr", "rho", "eps", "momentum", "weight_decay", "l1") + [
        changed(arguments, ValueError, rho=1.0),
        changed(arguments, ValueError, velocity=None),
        changed(arguments, TypeError, square_avg=None),
        changed(arguments, ValueError, grads=np.ones(4, dtype)),
        changed(arguments, ValueError, square_avg=np.ones(6, dtype)),
        changed(arguments, ValueError, velocity=np.ones(6, dtype)),
        changed(arguments, ValueError, velocity=np.ones(6, dtype), momentum=0.0),
        changed(arguments, ValueError, velocity=read_only),
        changed(arguments, ValueError, velocity=arguments["square_avg"]),
        changed(arguments, TypeError, centered=True),
    ]
    check_refused(ops.rmsprop_step, cases)


@pytest.mark.parametrize("name", ["grads", "velocity"])
def test_the_array_of_another_dtype_is_named(name):
    arguments = sgd_arguments("float32")
    arguments[name] = arguments[name].astype("float64")
    with pytest.raises(ValueError, match=f"sgd_step: {name} has dtype float64, needs float32 as the other arrays"):
        ops.sgd_step(**arguments)
    with pytest.raises(ValueError, match="average_step: params has dtype float64, needs float32"):
        ops.average_step(np.ones(3, "float32"), np.ones(3), weight=0.5)
