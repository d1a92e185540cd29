"""Six optimizers roll down the same bowls, round ones and narrow ones: who needs how many steps?

The bowl is (x² + k y²) / 2. The steps that plain descent needs grow with k, with momentum more slowly. Adagrad, RMSProp
and Adam measure each axis by its own gradients and do not mind k, but only while the bowl lies along the axes. Each
optimizer has the best of the same learning rates. See H. Larochelle, "Neural networks", training neural networks: other
tricks of the trade; B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964 (momentum).
"""

import numpy as np
from common import finish, new_figure, read_arguments

from lamina import ops

RATES, NARROWNESS, MOST, STAY = 2.0 ** -np.arange(0, 13), (1, 10, 100, 1000), 3000, 20


def sgd(momentum=0.0, nesterov=False):
    velocity = np.zeros(2) if momentum else None
    return lambda w, g, lr, step: ops.sgd_step(w, g, velocity, lr=lr, momentum=momentum, nesterov=nesterov)


def adagrad():
    squares = np.zeros(2)
    return lambda w, g, lr, step: ops.adagrad_step(w, g, squares, lr=lr)


def rmsprop():
    squares = np.zeros(2)
    return lambda w, g, lr, step: ops.rmsprop_step(w, g, squares, lr=lr, rho=0.9)


def adam():
    m, v = np.zeros(2), np.zeros(2)
    return lambda w, g, lr, step: ops.adam_step(w, g, m, v, lr=lr, step=step)


OPTIMIZERS = {
    "SGD": sgd,
    "momentum": lambda: sgd(0.9),
    "Nesterov": lambda: sgd(0.9, nesterov=True),
    "Adagrad": adagrad,
    "RMSProp": rmsprop,
    "Adam": adam,
}


def descend(optimizer, bowl, start, rate, most):
    """Return the path up to where it has come within a hundredth of the minimum for good, or None."""
    w, update, path, near = start.copy(), optimizer(), [start], 0
    for step in range(1, most + 1):
        update(w, bowl @ w, rate, step)
        path.append(w.copy())
        distance = np.linalg.norm(w)
        near = near + 1 if distance < 0.01 else 0
        if near == STAY:
            return np.array(path[: 1 - STAY])
        if not distance < 1e3:
            return None
    return None


def best_path(optimizer, bowl, start):
    """Return the shortest of the paths at all rates, or None if none arrives."""
    best, most = None, MOST
    for rate in RATES:
        path = descend(optimizer, bowl, start, rate, most)
        if path is not None and (best is None or len(path) < len(best)):
            best, most = path, len(path) + STAY
    return best


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    angle = np.random.default_rng(options.seed).uniform(np.pi / 6, np.pi / 3)
    start = np.array([np.cos(angle), np.sin(angle)])
    figure, axes = new_figure(3)
    numbers = {}
    for name, optimizer in OPTIMIZERS.items():
        bowls = [np.diag([1.0, k]) for k in NARROWNESS]
        straight = [best_path(optimizer, bowl, start) for bowl in bowls]
        turned = [best_path(optimizer, turn @ bowl @ turn.T, turn @ start) for bowl in bowls]
        counts = [[MOST if path is None else len(path) - 1 for path in paths] for paths in (straight, turned)]
        numbers[name] = dict(zip(("along the axes", "turned by 45 degrees"), counts, strict=True))
        axes[0].plot(*straight[1].T, ".-", linewidth=0.8, label=name)
        for axis, steps in zip(axes[1:], counts, strict=True):
            axis.plot(NARROWNESS, steps, "o-", label=name)
    axes[0].set(title="paths in the bowl with k = 10", xlabel="x", ylabel="y")
    axes[0].legend()
    for axis, title in zip(axes[1:], numbers["SGD"], strict=True):
        axis.set(title=f"steps needed, bowl {title}", xlabel="k", xscale="log", yscale="log", ylim=(1, MOST))
    print(f"steps to within 0.01 of the minimum, at most {MOST}, for k = {NARROWNESS}")
    for name, steps in numbers.items():
        print(f"  {name:10}", *(f"{title} {counts}" for title, counts in steps.items()), sep="  ")
    straight, turned = ({name: steps[title][-1] for name, steps in numbers.items()} for title in numbers["SGD"])
    finish(
        figure,
        options,
        __file__,
        f"In the narrowest bowl SGD needs {straight['SGD']} steps, with momentum {straight['momentum']}, and Adagrad "
        f"{straight['Adagrad']}, as in the round one. Turned by 45 degrees it takes RMSProp {turned['RMSProp']}, "
        f"Adagrad {turned['Adagrad']} or more; Adam, which has momentum, {turned['Adam']}.",
    )
    return numbers


if __name__ == "__main__":
    main()
