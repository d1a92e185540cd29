"""The autoencoder with one hidden layer: plain or denoising, tied or untied."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import _core, optim
from lamina._arrays import is_on_device, on_device_of, on_host
from lamina._checks import matrix, number, one_of, whole
from lamina.init import initializer
from lamina.layers import Activation, activation_layer
from lamina.pretrain.module import Module

__all__ = ["LOSSES", "Autoencoder"]

LOSSES = ("sigmoid_cross_entropy", "squared_error")


class Autoencoder(Module):
    """Learns a code from which its input can be reconstructed.

    Parameters
    ----------
    n_visible, n_hidden : int
        Columns of the data, and units of the code.
    activation : str or lamina.layers.Activation
        Of the code: "linear" or a name of `lamina.ops.activations()`.
    loss : {"sigmoid_cross_entropy", "squared_error"}
        The first for data in [0, 1] (Bernoulli, the output is a sigmoid), the second for any (the output is linear).
    tied : bool
        Whether the decoder uses the encoder's weights transposed. Untied ones start as these.
    corruption : float in [0, 1)
        Probability with which each input is set to 0 in training (denoising); 0 for none.
    optimizer : str, or SGD, Adagrad, RMSProp, Adam or AdamW
        "sgd", "adagrad", "rmsprop", "adam" and "adamw" mean the defaults.
    init : str or lamina.init.Initializer
        How the weight starts; biases start at 0.
    seed : int in [0, 2**64)
        Settles initial weights, shuffles and corruption.
    layer : int in [0, 2**24)
        Keys the random numbers together with the seed, so that the modules of a stack differ.
    dtype : {"float32", "float64"}
        Of parameters and data.
    device : {"cpu", "cuda"}
        Where the arrays are and everything is computed.

    Attributes
    ----------
    history : dict of str to list of float
        "loss" and "seconds", one entry per epoch over all fits; the loss is the mean over rows, summed over columns.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range.

    Notes
    -----
    h = g(x̃ Wᵀ + b), x̂ = o(h V + c) with V = W when tied and x̃ the corrupted x; what is compared is x̂ with x. Loss:
    −Σ x log x̂ + (1 − x) log(1 − x̂), computed from logits, or ½ Σ (x̂ − x)².

    References
    ----------
    .. [1] H. Larochelle, "Neural networks", autoencoders: definition, loss function, denoising autoencoder.
    .. [2] P. Vincent et al., "Stacked denoising autoencoders", 2010.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X = np.repeat(np.eye(4), 5, axis=0)
    >>> coder = lamina.Autoencoder(4, 2, activation="tanh", optimizer=lamina.Adam(lr=0.1), seed=3)
    >>> losses = coder.fit(X, epochs=200, progress=False)["loss"]
    >>> coder.transform(X).shape, losses[-1] < losses[0] / 4
    ((20, 2), True)
    """

    def __init__(
        self,
        n_visible: int,
        n_hidden: int,
        *,
        activation: str | Activation = "sigmoid",
        loss: str = "sigmoid_cross_entropy",
        tied: bool = True,
        corruption: float = 0.0,
        optimizer: str | optim.Optimizer = "adam",
        init: Any = "auto",
        seed: int = 0,
        layer: int = 0,
        dtype: Any = "float32",
        device: str = "cpu",
    ) -> None:
        call = "Autoencoder"
        super().__init__(n_visible, n_hidden, optimizer, seed, layer, dtype, device)
        self.activation = activation_layer(call, activation)
        self.loss = one_of(call, "loss", loss, LOSSES)
        self.tied = bool(tied)
        self.corruption = number(call, "corruption", corruption, below=1)
        scheme = initializer(call, init).before(self.activation)
        self._core = self._new_core()
        self.set_weights(scheme.draw((self.n_hidden, self.n_visible), seed=self.seed, layer=self.layer))

    def _new_core(self) -> Any:
        activation = self.activation
        name, constants = ("linear", {}) if activation is None else (activation.name, activation.parameters())
        return _core.Autoencoder(
            self.n_visible, self.n_hidden, self.dtype.name, name, constants, self.loss, self.tied, self.corruption,
            self.optimizer.settings(), self.seed, self.layer, self.device,
        )  # fmt: skip

    def __repr__(self) -> str:
        activation = "linear" if self.activation is None else self.activation.name
        return f"Autoencoder({self.n_visible}, {self.n_hidden}, activation={activation!r}, loss={self.loss!r})"

    def set_weights(self, weight: np.ndarray, hidden_bias: np.ndarray | float = 0.0) -> None:
        """Start from a weight (n_hidden, n_visible) and a hidden bias (n_hidden,); untied decoders from its transpose.

        Raises
        ------
        ValueError
            If a shape is wrong.
        """
        weight, hidden_bias = on_host(weight), on_host(hidden_bias)
        if np.shape(weight) != (self.n_hidden, self.n_visible):
            raise ValueError(f"Autoencoder.set_weights: weight has shape {np.shape(weight)}, "
                             f"{(self.n_hidden, self.n_visible)} is needed")  # fmt: skip
        parameters = self.parameters()
        parameters["hidden_bias"][...] = hidden_bias
        parameters["weight"][...] = weight
        if not self.tied:
            parameters["decoder_weight"][...] = np.transpose(weight)

    def fit(
        self, X: Any, *, epochs: int = 10, batch_size: int = 128, shuffle: bool = True, progress: bool = True
    ) -> dict[str, list[float]]:
        """Train for some more epochs.

        Parameters
        ----------
        X : array_like of shape (rows, n_visible)
            In [0, 1] for sigmoid_cross_entropy.
        epochs, batch_size : int
            At least 0, at least 1.
        shuffle : bool
            Whether each epoch takes the rows in a new order.
        progress : bool
            Whether a progress bar is shown on standard error.

        Returns
        -------
        dict of str to list of float
            `history`, over all fits.

        Raises
        ------
        ValueError
            If X has another shape, no rows, or values that the loss does not take.
        KeyboardInterrupt
            On Ctrl-C; what was reached is kept.
        """
        return self._fit("Autoencoder.fit", X, epochs, batch_size, shuffle, progress, "epochs")

    def _fit(
        self, call: str, X: Any, epochs: int, batch_size: int, shuffle: bool, progress: bool, description: str
    ) -> dict[str, list[float]]:
        epochs, batch_size = whole(call, "epochs", epochs, 0), whole(call, "batch_size", batch_size, 1)
        x = self._data(call, X)

        def run() -> float:
            return self._core.run_epoch(x, batch_size, bool(shuffle), float(self.optimizer.lr))

        return self._epochs(call, epochs, progress, description, run)

    def _data(self, call: str, X: Any) -> Any:
        given = matrix(call, X, self.n_visible, self.dtype)
        x = on_host(given)
        if len(x) == 0:
            raise ValueError(f"{call}: X has no rows, at least one is needed")
        if not np.isfinite(x).all():
            raise ValueError(f"{call}: X holds NaN or infinities, finite numbers are needed")
        if self.loss == "sigmoid_cross_entropy" and (x.min() < 0 or x.max() > 1):
            raise ValueError(
                f"{call}: X holds numbers from {x.min():g} to {x.max():g}, sigmoid_cross_entropy needs [0, 1]; "
                "scale them, or take loss='squared_error'"
            )
        return on_device_of(self._core, given)

    def loss_and_gradients(self, X: Any, step: int = 0) -> tuple[float, dict[str, np.ndarray]]:
        """Return the mean loss of a batch, corrupted as in step `step`, and views of the gradients.

        Raises
        ------
        ValueError
            As `fit`.
        """
        call = "Autoencoder.loss_and_gradients"
        loss = self._core.loss_and_gradients(self._data(call, X), self.seed, whole(call, "step", step, 0, 2**32 - 1))
        return float(loss), self._core.gradients()

    def transform(self, X: Any) -> np.ndarray:
        """Return the codes (rows, n_hidden) of uncorrupted data (rows, n_visible)."""
        x = matrix("Autoencoder.transform", X, self.n_visible, self.dtype)
        codes = self._core.encode(on_device_of(self._core, x))
        return codes if is_on_device(x) else on_host(codes)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Return what the decoder makes of the codes of X, (rows, n_visible)."""
        x = matrix("Autoencoder.reconstruct", X, self.n_visible, self.dtype)
        outputs = self._core.reconstruct(on_device_of(self._core, x))
        return outputs if is_on_device(x) else on_host(outputs)
