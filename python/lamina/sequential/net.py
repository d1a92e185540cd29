"""A net of layers in a row: what is computed with it, short of training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina import _core, ops
from lamina._arrays import alike, is_on_device, on_device_of, on_host
from lamina._checks import errors_of, flag, one_of, whole
from lamina.layers import Layer, Sigmoid, Softmax, walk
from lamina.losses import Loss
from lamina.sequential.batchnorm import NormalisedNet

__all__ = ["Sequential"]

_LAST_SEED = 2**64 - 1


class Sequential(NormalisedNet):
    """Layers one after the other, held and computed in native code.

    Parameters
    ----------
    *layers : lamina.layers.Layer
        Descriptions of the layers. Linear, batch norm, activation and dropout in this order become one fused lamina,
        each part optional; `explain` says what was fused. A layer given twice gets weights of its own each time.
    seed : int in [0, 2**64)
        Settles the initial weights: layer i of a net starts alike on every machine and in both dtypes.
    dtype : {"float32", "float64"}
        Of parameters, inputs and outputs.
    fuse : bool
        False keeps each layer by itself; the results are the same.
    device : {"cpu", "cuda"}
        Where the arrays are and everything is computed; `to` moves them.

    Attributes
    ----------
    dtype : numpy.dtype
    seed : int
    in_features, out_features : int
        Columns of inputs and outputs.
    extra : dict of str to str
        Free text that is saved with the net.

    Raises
    ------
    ValueError
        If consecutive layers differ in width, none has a width, or dtype or seed is not one of those above.
    TypeError
        If something else than layers is given.
    lamina.BackendError
        If the device is cuda, and there is none.

    Notes
    -----
    `net[i]`, `len(net)` and iteration give the layers' descriptions, `net[i:j]` a net with copies of the weights.
    Nets pickle and copy with their weights. Several threads may predict at once; training is for one at a time.

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network.

    Examples
    --------
    >>> import lamina
    >>> net = lamina.Sequential(lamina.Linear(2, 8), lamina.BatchNorm(8), lamina.ReLU(), lamina.Linear(8, 3), seed=1)
    >>> net([[0.5, -1.0]]).shape
    (1, 3)
    >>> net[2], list(net.parameters())
    (ReLU(), ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'])
    """

    def __init__(
        self, *layers: Layer, seed: int = 0, dtype: Any = "float32", fuse: bool = True, device: str = "cpu"
    ) -> None:
        for index, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                hint = ", call it: " + layer.__name__ + "(…)" if isinstance(layer, type) else ""
                raise TypeError(f"Sequential: argument {index} is {layer!r}, a layer is needed{hint}")
        self._layers = tuple(layers)
        self.seed = whole("Sequential", "seed", seed, 0, _LAST_SEED)
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)  # numpy.dtype, numpy.float32, str
        self.dtype = np.dtype(one_of("Sequential", "dtype", name, ["float32", "float64"]))
        self.fuse = flag("Sequential", "fuse", fuse)
        self.extra: dict[str, str] = {}
        self._device = one_of("Sequential", "device", str(device), ["cpu", "cuda"])
        self._frozen = ()
        self._build()
        self._initialise()

    def _initialise(self) -> None:
        parameters, described = self.parameters(), self._core.layers()
        for name, layer, following in walk(self._layers):
            own = {key[len(name) + 1 :]: view for key, view in parameters.items() if key.rpartition(".")[0] == name}
            number, in_features = described[name]
            layer.initialise(own, seed=self.seed, layer=number, in_features=in_features, following=following)

    @property
    def device(self) -> str:
        return self._device

    @property
    def in_features(self) -> int:
        return self._core.in_features

    @property
    def out_features(self) -> int:
        return self._core.out_features

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, index: int | slice) -> Any:
        if not isinstance(index, slice):
            return self._layers[index]
        part = Sequential(*self._layers[index], seed=self.seed, dtype=self.dtype, fuse=self.fuse, device=self.device)
        places = {str(old): new for new, old in enumerate(range(len(self))[index])}
        renamed = {}
        for name, array in self.state_dict().items():
            place, _, rest = name.partition(".")
            if place in places:
                renamed[f"{places[place]}.{rest}"] = array
        part.load_state_dict(renamed)
        return part

    def __repr__(self) -> str:
        return "\n".join(["Sequential(", *(f"  ({index}): {layer}" for index, layer in enumerate(self)), ")"])

    def __call__(self, x: Any) -> np.ndarray:
        """Return the outputs for `x` in inference; see `forward`."""
        return self.forward(x)

    def forward(self, x: Any, training: bool = False, *, seed: int | None = None, step: int = 0) -> np.ndarray:
        """Return the outputs of the last layer.

        Parameters
        ----------
        x : array_like of shape (batch, in)
            Converted to the net's dtype.
        training : bool
            Whether batch norm takes the batch's statistics (and moves the running ones), and dropout drops.
        seed, step : int
            Which dropout masks; the net's seed unless given.

        Returns
        -------
        ndarray of shape (batch, out), of the net's dtype

        Raises
        ------
        ValueError
            If x has another shape; in training with batch norm, if it has fewer than two rows.
        lamina.BackendError
            If `training` while another thread trains the net.
        """
        call = "Sequential.forward"
        x = self._input(call, x, "x")
        key, training = self._key(call, seed, step), flag(call, "training", training)
        with errors_of(call):
            result = self._core.forward(on_device_of(self._core, x), training, *key)
        return result if is_on_device(x) else on_host(result)

    def _key(self, call: str, seed: int | None, step: int) -> tuple[int, int]:
        seed = self.seed if seed is None else whole(call, "seed", seed, 0, _LAST_SEED)
        return seed, whole(call, "step", step, 0, 2**32 - 1)

    def predict(self, X: Any, batch_size: int = 1024) -> np.ndarray:
        """Return the outputs for a data set of any size, block by block; several threads may do so at once.

        Parameters
        ----------
        X : array_like of shape (rows, in)
            Converted to the net's dtype.
        batch_size : int
            Rows computed at a time; the bits of a row's outputs don't depend on it.

        Returns
        -------
        ndarray of shape (rows, out), of the net's dtype
            Logits, if the net was trained with a cross-entropy.

        Raises
        ------
        ValueError
            If X has another shape, or `batch_size` is below 1.
        """
        return self._predict("Sequential.predict", X, batch_size)

    def _predict(self, call: str, X: Any, batch_size: int) -> np.ndarray:
        x = self._input(call, X)
        batch_size = whole(call, "batch_size", batch_size, 1)
        with errors_of(call):
            result = self._core.predict(on_device_of(self._core, x), None, batch_size)
        return result if is_on_device(x) else on_host(result)

    def predict_proba(self, X: Any, batch_size: int = 1024, *, multi_label: bool = False) -> np.ndarray:
        """Return the classes' probabilities.

        Parameters
        ----------
        X : array_like of shape (rows, in)
            Converted to the net's dtype.
        batch_size : int
            Rows computed at a time.
        multi_label : bool
            Whether each output is a question of its own (sigmoid) rather than one class of several (softmax).

        Returns
        -------
        ndarray of shape (rows, classes), of the net's dtype
            The softmax of the outputs. A net with one output has two classes, so that the columns are 1 − p and p, the
            sigmoid of the output. With `multi_label` the sigmoid of each output, (rows, out). Outputs of a net that
            ends in that softmax or sigmoid are taken as they are.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(2, 4, init="zeros"))
        >>> net.predict_proba([[1.0, 2.0]])
        array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
        """
        call, last = "Sequential.predict_proba", self._layers[-1]
        multi_label = flag(call, "multi_label", multi_label)
        outputs = self._predict(call, X, batch_size)
        if multi_label:
            return outputs if isinstance(last, Sigmoid) else ops.activation_forward(outputs, "sigmoid")
        if self.out_features == 1:
            signs = alike(np.array([[-1], [1]], self.dtype), outputs)
            if isinstance(last, Sigmoid):
                one = alike(np.array([1, 0], self.dtype), outputs)
                return ops.linear_forward(outputs, signs, one, precision="highest")
            return ops.linear_forward(outputs, signs, activation="sigmoid", precision="highest")
        return outputs if isinstance(last, Softmax) else ops.softmax_forward(outputs)

    def loss_and_gradients(
        self,
        x: Any,
        targets: Any,
        loss: str | Loss = "cross_entropy",
        *,
        sample_weight: Any = None,
        training: bool = True,
        seed: int | None = None,
        step: int = 0,
    ) -> tuple[float, dict[str, np.ndarray]]:
        """Return the mean loss of a batch and the gradient of every parameter.

        Parameters
        ----------
        x : array_like of shape (batch, in)
            Converted to the net's dtype.
        targets : array_like
            Labels (batch,) or values (batch, out), as the loss needs them; see `lamina.losses.Loss`.
        loss : str or lamina.losses.Loss
            A name of `lamina.losses.NAMES`.
        sample_weight : array_like of shape (batch,), optional
            Weights of the rows.
        training : bool
            True is a training step without the update: batch statistics, dropout, running statistics move.
        seed, step : int
            Which dropout masks; the net's seed unless given.

        Returns
        -------
        loss : float
        gradients : dict of str to ndarray
            Named as `parameters`; views that the next call or training step overwrites.

        Raises
        ------
        ValueError
            If shapes don't fit, targets are out of range, a name is unknown, or the loss applies itself what the net
            ends in.
        lamina.BackendError
            While another thread trains the net.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(1, 1, init="zeros"), dtype="float64")
        >>> loss, gradients = net.loss_and_gradients([[2.0]], [3.0], loss="squared_error")
        >>> loss, gradients["0.weight"].tolist()
        (4.5, [[-6.0]])
        """
        call = "Sequential.loss_and_gradients"
        chosen = loss if isinstance(loss, Loss) else Loss(loss)
        settings = chosen.settings(call, self.out_features, self.dtype, self._layers[-1])
        x = self._input(call, x, "x")
        targets, sample_weight = on_host(targets), on_host(sample_weight)
        targets = chosen.targets(call, targets, rows=len(x), outputs=self.out_features, dtype=self.dtype)
        sample_weight = chosen.row_weights(call, sample_weight, targets, self.dtype)
        key, training = self._key(call, seed, step), flag(call, "training", training)
        with errors_of(call):
            x, targets, sample_weight = (on_device_of(self._core, array) for array in (x, targets, sample_weight))
            value = self._core.loss_and_gradients(x, targets, settings, sample_weight, training, *key)
        return value, self._core.gradients()

    def explain(self, batch_size: int | None = None) -> str:
        """Return in words which layers are fused into which lamina, and why others are not.

        Parameters
        ----------
        batch_size : int, optional
            With it, also how a training step on so many rows would compute each lamina now, as `lamina.ops.explain`
            does: its products and its passes over memory.

        Raises
        ------
        ValueError
            If batch_size is less than 1, or 1 for a net with batch norm.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(4, 3), lamina.ReLU(), lamina.Dropout(0.5))
        >>> print(net.explain())
        lamina 0, (batch, 4) -> (batch, 3), layers 0-2: linear(4 -> 3) + relu + dropout(0.5)
        >>> print(net.explain(batch_size=32))
        lamina 0, (batch, 4) -> (batch, 3), layers 0-2: linear(4 -> 3) + relu + dropout(0.5)
         forward
          product (32, 4) x (4, 3), float32 at highest, ...
            tasks   ...
        """
        if batch_size is not None:
            batch_size = whole("Sequential.explain", "batch_size", batch_size, 1)
        with errors_of("Sequential.explain"):
            return self._core.explain(batch_size)

    def to(self, device: str) -> Sequential:
        """Move the net to a device, and return it; views of its parameters taken before stay behind.

        Parameters
        ----------
        device : {"cpu", "cuda"}

        Raises
        ------
        lamina.BackendError
            For "cuda" where there is none, or while the net is being trained; it stays where it is.
        ValueError
            For any other name.
        """
        device = one_of("Sequential.to", "device", str(device), ["cpu", "cuda"])
        if device != self.device:
            with self._exclusive("Sequential.to"):
                if self._held > 1:
                    raise _core.BackendError("Sequential.to: this net is being trained, move it before or after")
            state, before = self.state_dict(), (self._device, self._core, self._training)
            try:
                self._device = device
                self._build()
                self.load_state_dict(state)
            except BaseException:
                self._device, self._core, self._training = before
                raise
        return self
