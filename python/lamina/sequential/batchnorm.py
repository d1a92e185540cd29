"""What a net does with its batch norms after training: exact statistics, and folding them into linear layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import copied, on_device_of
from lamina._checks import errors_of, finite, whole
from lamina.layers import (
    AlphaDropout,
    BatchNorm,
    Dropout,
    GaussianNoise,
    Layer,
    Linear,
    MaskingNoise,
    Residual,
    SaltAndPepper,
    Zoneout,
    walk,
)
from lamina.sequential.state import NetState

__all__ = ["NormalisedNet"]

Arrays = dict[str, np.ndarray]  # of one layer: "weight", "bias", …
Part = tuple[Any, Arrays]  # a layer and its arrays


class NormalisedNet(NetState):
    """The part of `lamina.Sequential` that deals with batch norm after training."""

    def set_population_statistics(self, X: Any, batch_size: int = 1024) -> None:
        """Put the exact statistics of a whole data set in the place of batch norm's running averages.

        Parameters
        ----------
        X : array_like of shape (rows, in)
            All training data, at least two rows; converted to the net's dtype.
        batch_size : int
            Rows that go through the net at a time; the bits do not depend on it.

        Raises
        ------
        ValueError
            If X has another shape, fewer than two rows, or NaN or infinities, or `batch_size` is below 1. Whenever this
            fails or is stopped by Ctrl-C, the statistics are as they were.
        TypeError
            If X is not made of numbers.
        lamina.BackendError
            If another thread trains the net.

        Notes
        -----
        From the first batch norm to the last, all rows are taken to its input in inference, the layers before it
        normalising by what has just been found for them; its mean and its variance over all rows are kept, the latter
        with rows − 1 below unless the layer has `unbiased_running_var=False`. Frozen ones keep the statistics they
        have. Dropout is off. `num_batches_tracked` stays. The input of one batch norm, rows × width, is held in memory.

        References
        ----------
        H. Larochelle, "Neural networks", deep learning: batch normalization, the final phase "from the first to the
        last hidden layer". S. Ioffe, C. Szegedy, "Batch normalization", 2015, algorithm 2.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.BatchNorm(1))
        >>> net.set_population_statistics([[1.0], [2.0], [6.0]])
        >>> {name: array.tolist() for name, array in net.state_dict().items() if "running" in name}
        {'0.running_mean': [3.0], '0.running_var': [7.0]}
        """
        call = "Sequential.set_population_statistics"
        batch_size = whole(call, "batch_size", batch_size, 1)
        x = on_device_of(self._core, finite(call, self._input(call, X)))
        with self._exclusive(call), errors_of(call):
            statistics = {name: view for name, view in self._core.buffers().items() if "running" in name}
            before = {name: copied(view) for name, view in statistics.items()}
            try:
                for name, layer, _ in walk(self._layers):
                    if isinstance(layer, BatchNorm) and name not in self._frozen:
                        self._core.set_batchnorm_statistics(name, x, batch_size)
            except BaseException:
                for name, view in statistics.items():
                    view[...] = before[name]
                raise

    def fold_batchnorm(self) -> Any:
        """Return a net for inference in which linear layers have taken in the batch norms beside them.

        Returns
        -------
        Sequential
            With fewer layers and the same outputs in inference, up to rounding. Seed, dtype, device and `extra` are the
            net's own, the weights copies.

        Raises
        ------
        lamina.BackendError
            If another thread trains the net.

        Notes
        -----
        In inference batch norm is y = s x + t with s = γ / √(σ² + eps) and t = β − s μ of the running statistics.
        Behind a linear layer it turns W, b into sW, sb + t (row by row); before one, on the net's input or behind an
        activation, into Ws, b + Wt (column by column). Both are computed in float64 and rounded once. A linear layer
        without a bias gets one. Noise between the two, dropout among it, changes nothing in inference.

        A batch norm that has a linear layer on neither side stays: what comes between is not linear. Inside of a
        `Residual` the same is done with what it holds.

        Before a linear layer μ is no longer subtracted first: where it is 10ᵏ deviations, outputs lose some k digits.

        References
        ----------
        B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
        2018, section 3.2.

        Examples
        --------
        >>> import lamina
        >>> net = lamina.Sequential(lamina.Linear(4, 3, bias=False), lamina.BatchNorm(3), lamina.ReLU())
        >>> net.fold_batchnorm()
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=True)
          (1): ReLU()
        )
        """
        layers, arrays = _all_folded(self._layers, self.state_dict())
        net = type(self)(*layers, seed=self.seed, dtype=self.dtype, fuse=self.fuse, device=self._device)  # type: ignore[call-arg]
        net.load_state_dict(arrays)
        net.extra = dict(self.extra)
        return net


def _all_folded(layers: Sequence[Layer], arrays: Arrays) -> tuple[list[Layer], Arrays]:
    """The layers that are left of a list, and their arrays."""
    parts: list[Part] = [(layer, {}) for layer in layers]
    for name, array in arrays.items():
        place, _, rest = name.partition(".")
        parts[int(place)][1][rest] = array
    for index, (layer, own) in enumerate(parts):
        if layer.inside:
            inside, within = _all_folded(layer.inside, own)
            parts[index] = Residual(*inside), within
    while (found := _foldable(parts)) is not None:
        norm, linear = found
        parts[linear] = _folded(*parts[linear], *_scale_and_shift(*parts[norm]), behind=norm > linear)
        del parts[norm]
    named = {f"{index}.{rest}": array for index, (_, own) in enumerate(parts) for rest, array in own.items()}
    return [layer for layer, _ in parts], named


def _foldable(parts: list[Part]) -> tuple[int, int] | None:
    """The places of a batch norm and of a linear layer with nothing but noise in between, the layer before first."""
    places = [place for place, (layer, _) in enumerate(parts) if not _is_noise(layer)]
    for step in (-1, 1):
        for k, place in enumerate(places):
            beside = k + step
            if isinstance(parts[place][0], BatchNorm) and 0 <= beside < len(places):
                neighbour = parts[places[beside]][0]
                if isinstance(neighbour, Linear) and not isinstance(neighbour, Zoneout):
                    return place, places[beside]
    return None


def _is_noise(layer: Layer) -> bool:
    """Whether inference hands on what it is given."""
    if isinstance(layer, Dropout):
        return layer.scaling == "inverted"
    return isinstance(layer, (AlphaDropout, GaussianNoise, MaskingNoise, SaltAndPepper))


def _scale_and_shift(layer: BatchNorm, arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """What batch norm does to each column in inference, in float64."""
    gamma, beta, mean, var = (
        arrays[name].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale, shift = np.ones(layer.num_features), np.zeros(layer.num_features)
    units = slice(None) if layer.units is None else list(layer.units)
    scale[units] = gamma / np.sqrt(var + layer.eps)
    shift[units] = beta - scale[units] * mean
    return scale, shift


def _folded(
    layer: Linear, arrays: Arrays, scale: np.ndarray, shift: np.ndarray, *, behind: bool
) -> tuple[Linear, Arrays]:
    """The linear layer with what comes behind or before it."""
    weight = arrays["weight"].astype(np.float64)
    bias = arrays["bias"].astype(np.float64) if layer.bias else np.zeros(layer.out_features)
    if behind:
        weight, bias = scale[:, None] * weight, scale * bias + shift
    else:
        weight, bias = weight * scale, bias + ops.gemm(weight, shift[:, None])[:, 0]
    return dataclasses.replace(layer, bias=True), {"weight": weight, "bias": bias}
