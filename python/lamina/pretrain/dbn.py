"""The deep belief network: Boltzmann machines on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import optim
from lamina._checks import whole
from lamina._seeds import SAMPLE_STEP
from lamina.layers import Layer, Linear, Sigmoid
from lamina.pretrain.rbm import RBM
from lamina.sequential import Sequential

__all__ = ["DBN"]


class DBN:
    """Learns layer after layer, each machine from the hidden units of the one below.

    Parameters
    ----------
    sizes : sequence of int
        Visible units, then the hidden units of each layer; two numbers or more.
    visible : {"bernoulli", "gaussian"}
        What the visible units are; all others are Bernoulli.
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        Of each machine.
    sparsity_target, sparsity_cost : float in [0, inf)
        As of `RBM`.
    seed : int in [0, 2**64)
    dtype : {"float32", "float64"}
    device : {"cpu", "cuda"}

    Attributes
    ----------
    machines : tuple of RBM
        From the lowest up.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range.

    Notes
    -----
    p(v, h¹, …, hᴸ) = p(v | h¹) … p(hᴸ⁻² | hᴸ⁻¹) p(hᴸ⁻¹, hᴸ): the last factor is the top machine's, the others are
    those below, read downwards. Recognition goes up by the machines' means.

    References
    ----------
    G. Hinton, S. Osindero, Y. Teh, "A fast learning algorithm for deep belief nets", 2006. H. Larochelle, "Neural
    networks", deep learning: deep belief networks.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X = np.repeat([[1, 1, 0, 0], [0, 0, 1, 1]], 10, axis=0)
    >>> dbn = lamina.DBN([4, 3, 2], optimizer=lamina.SGD(lr=0.3), seed=1)
    >>> [len(history["loss"]) for history in dbn.fit(X, epochs=5, progress=False)]
    [5, 5]
    >>> dbn.transform(X).shape, dbn.sample(3, steps=10).shape, len(dbn.network(10))
    ((20, 2), (3, 4), 5)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        visible: str = "bernoulli",
        optimizer: str | optim.Optimizer = "sgd",
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        seed: int = 0,
        dtype: Any = "float32",
        device: str = "cpu",
    ) -> None:
        call = "DBN"
        if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) < 2:
            raise ValueError(
                f"{call}: sizes are {sizes!r}, visible units and those of one hidden layer or more are needed"
            )
        for size in sizes:
            whole(call, "sizes", size, 1, 2**31 - 1)
        self.machines = tuple(
            RBM(
                below, above, visible="bernoulli" if layer else visible, optimizer=optimizer,
                sparsity_target=sparsity_target, sparsity_cost=sparsity_cost, seed=seed, layer=layer, dtype=dtype,
                device=device,
            )
            for layer, (below, above) in enumerate(zip(sizes, sizes[1:], strict=False))
        )  # fmt: skip

    @property
    def sizes(self) -> tuple[int, ...]:
        """Visible units, then the hidden units of each layer."""
        return self.machines[0].n_visible, *(machine.n_hidden for machine in self.machines)

    def __repr__(self) -> str:
        return f"DBN({list(self.sizes)}, visible={self.machines[0].visible!r})"

    def fit(
        self,
        X: Any,
        *,
        k: int = 1,
        persistent: bool | int = False,
        epochs: int = 10,
        batch_size: int = 10,
        shuffle: bool = True,
        progress: bool = True,
    ) -> list[dict[str, list[float]]]:
        """Train each machine for some more epochs, from the lowest up, on the means of those below.

        Parameters
        ----------
        X : array_like of shape (rows, visible units)
        k, persistent, epochs, batch_size, shuffle, progress
            As of `RBM.fit`, for each machine.

        Returns
        -------
        list of dict
            The machines' histories.

        Raises
        ------
        ValueError
            As `RBM.fit`; nothing has changed then.
        KeyboardInterrupt
            On Ctrl-C; what was reached is kept.
        """
        data = X
        for count, machine in enumerate(self.machines, 1):
            text = f"layer {count} of {len(self.machines)}"
            machine._fit("DBN.fit", data, k, persistent, epochs, batch_size, shuffle, progress, text)
            data = machine.transform(data)
        return [machine.history for machine in self.machines]

    def transform(self, X: Any) -> np.ndarray:
        """Return the means of the top layer's units (rows, units) given data (rows, visible units)."""
        for machine in self.machines:
            X = machine.transform(X)
        return X

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return the means of the visible units when the means of the top layer go down again."""
        h = self.transform(X)
        for machine in reversed(self.machines):
            h = machine._visible("DBN.reconstruct", h)
        return h

    def sample(self, n: int, *, steps: int = 1000, seed: int = 0) -> np.ndarray:
        """Draw rows (n, visible units): Gibbs sampling in the top machine, then layer after layer down.

        Parameters
        ----------
        n, steps : int
            How many rows, and steps of Gibbs sampling; at least 1.
        seed : int in [0, 2**64)

        Raises
        ------
        ValueError
            If a number is out of range.
        """
        *lower, top = self.machines
        units = top.sample(n, steps=steps, seed=seed)
        for machine in reversed(lower):
            units = machine._visible("DBN.sample", units, True, seed=seed, layer=machine.layer, step=SAMPLE_STEP)
        return units

    def network(self, n_outputs: int) -> Sequential:
        """Return a net of the machines' weights and hidden biases, sigmoids, and a new output layer: to be fine-tuned.

        Parameters
        ----------
        n_outputs : int
            Of the output layer, at least 1.

        Raises
        ------
        ValueError
            If n_outputs is out of range.
        """
        outputs = whole("DBN.network", "n_outputs", n_outputs, 1, 2**31 - 1)
        layers: list[Layer] = []
        for machine in self.machines:
            layers += [Linear(machine.n_visible, machine.n_hidden), Sigmoid()]
        lowest = self.machines[0]
        net = Sequential(
            *layers, Linear(self.sizes[-1], outputs), seed=lowest.seed, dtype=lowest.dtype, device=lowest.device
        )
        parameters = net.parameters()
        for place, machine in enumerate(self.machines):
            learned = machine.parameters()
            parameters[f"{2 * place}.weight"][...] = learned["weight"]
            parameters[f"{2 * place}.bias"][...] = learned["hidden_bias"]
        return net
