"""Linear layer, batch normalisation and dropout as descriptions of what the net computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lamina._checks import number, one_of, whole
from lamina.init import Initializer, initializer

__all__ = ["BatchNorm", "Dropout", "Layer", "LayerNorm", "Linear"]

_MOST_FEATURES = 2**31 - 1


class Layer:
    """What every layer is: an immutable description that any number of nets may use.

    Examples
    --------
    >>> import lamina
    >>> isinstance(lamina.ReLU(), lamina.layers.Layer)
    True
    """

    def settings(self) -> dict[str, Any]:
        """Return what `lamina._core.Network` takes for this layer; every layer says it for itself."""
        raise TypeError(f"layer: a plain {type(self).__name__} is given, one of lamina.layers is needed")

    @property
    def inside(self) -> tuple[Layer, ...]:
        """The layers that this one is around; most have none."""
        return ()

    def initialise(
        self, parameters: Mapping[str, Any], *, seed: int, layer: int, in_features: int, following: Any
    ) -> None:
        """Give the arrays of a net's layer their initial values, where scale 1 and all else 0 are not what is meant.

        Parameters
        ----------
        parameters : mapping of str to array
            The layer's own, by their names in it.
        seed, layer : int
            What random numbers are keyed by.
        in_features : int
            Columns of its input.
        following : Activation or None
            The one between this linear layer and the next.
        """

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Layer:
        """Return the layer with these fields, as they were read from a file."""
        return cls(**fields)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Linear(Layer):
    """Affine layer: a = x Wᵀ + b.

    Parameters
    ----------
    in_features, out_features : int
        Columns of the input x (batch, in) and of the output a (batch, out).
    bias : bool
        Whether there is a b (out,); it starts at 0.
    init : str or lamina.init.Initializer
        How the weight W (out, in) starts: a name of `lamina.init.NAMES`. "auto" is He before ReLU and its kin
        (LeakyReLU, PReLU, RReLU, ELU, GELU, SiLU), LeCun before SELU, Glorot otherwise.

    Raises
    ------
    ValueError
        If a size is below 1, or the initialiser's name is unknown.
    TypeError
        If a size is no whole number, or `bias` no bool.

    Notes
    -----
    dW = daᵀ x, db = Σ da over the batch, dx = da W.

    References
    ----------
    H. Larochelle, "Neural networks", feedforward neural network: artificial neuron, and backpropagation.

    Examples
    --------
    >>> import lamina
    >>> lamina.Linear(784, 512, init="he_uniform")
    Linear(in_features=784, out_features=512, bias=True)
    """

    in_features: int
    out_features: int
    bias: bool = True
    init: str | Initializer = field(default="auto", repr=False)

    def __post_init__(self) -> None:
        call = type(self).__name__
        self._set(
            in_features=whole(call, "in_features", self.in_features, 1, _MOST_FEATURES),
            out_features=whole(call, "out_features", self.out_features, 1, _MOST_FEATURES),
            init=initializer(call, self.init),
        )
        if not isinstance(self.bias, bool):
            raise TypeError(f"{call}: bias is {self.bias!r}, True or False is needed")

    def initialise(self, parameters: Mapping[str, Any], *, seed: int, layer: int, following: Any, **_: Any) -> None:
        weight, init = parameters["weight"], initializer("Linear", self.init)
        weight[...] = init.before(following).draw(weight.shape, seed=seed, layer=layer)

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Linear:
        init = fields.get("init")
        return cls(**fields | ({"init": Initializer(**init)} if isinstance(init, dict) else {}))

    def settings(self) -> dict[str, Any]:
        sizes = {"in_features": self.in_features, "out_features": self.out_features}
        return {"kind": "linear", **sizes, "bias": self.bias}


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Batch normalisation over the rows, with scale and shift learned.

    Parameters
    ----------
    num_features : int
        Columns of the input.
    momentum : float
        Weight of the new batch in the running statistics, as in torch: running ← (1 − momentum) running + momentum new.
        Keras and ONNX call 1 − momentum so: `from_keras` and `from_onnx` take their numbers.
    eps : float
        Added to the variance inside the root.
    unbiased_running_var : bool
        Whether the running variance takes in the batch's variance with rows − 1 below, rather than rows.
    units : sequence of int, optional
        The columns that are normalised, all unless given; the others pass unchanged. The layer then runs by itself,
        neighbouring columns at once.

    Raises
    ------
    ValueError
        If a number is out of its range, or a unit is given twice.
    TypeError
        If `num_features` or a unit is no whole number, or `unbiased_running_var` no bool.

    Notes
    -----
    y = γ (x − μ) / √(σ² + eps) + β; in training μ and σ² are the batch's mean and biased variance, in inference the
    running ones, which `Sequential.set_population_statistics` makes exact. γ starts at 1, β at 0; with `units` there
    is one of each for a unit.

    The order of the layers says what is normalised: the pre-activation (behind a linear layer, before its activation),
    the activation (behind it), or the input of the net (as its first layer).

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization", 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import lamina
    >>> lamina.BatchNorm(512)
    BatchNorm(num_features=512, momentum=0.1, eps=1e-05)
    >>> lamina.Sequential(lamina.BatchNorm(3, units=[0, 2])).parameters()["0.weight"].shape
    (2,)
    """

    num_features: int
    momentum: float = 0.1
    eps: float = 1e-5
    unbiased_running_var: bool = True
    units: Sequence[int] | None = None

    def __post_init__(self) -> None:
        self._set(
            num_features=whole("BatchNorm", "num_features", self.num_features, 1, _MOST_FEATURES),
            momentum=number("BatchNorm", "momentum", self.momentum),
            eps=number("BatchNorm", "eps", self.eps),
        )
        if self.momentum > 1:
            raise ValueError(f"BatchNorm: momentum is {self.momentum}, a number in [0, 1] is needed")
        if not isinstance(self.unbiased_running_var, bool):
            raise TypeError(
                f"BatchNorm: unbiased_running_var is {self.unbiased_running_var!r}, True or False is needed"
            )
        if self.units is not None:
            if not isinstance(self.units, Iterable):
                raise TypeError(f"BatchNorm: units is {self.units!r}, a list of columns is needed")
            units = sorted(whole("BatchNorm", "units", unit, 0, self.num_features - 1) for unit in self.units)
            if not units or len(set(units)) < len(units):
                raise ValueError(f"BatchNorm: units is {units}, at least one is needed, and each once")
            self._set(units=tuple(units))

    def __repr__(self) -> str:
        text = f"num_features={self.num_features}, momentum={self.momentum}, eps={self.eps}"
        text += "" if self.unbiased_running_var else ", unbiased_running_var=False"
        return f"BatchNorm({text})" if self.units is None else f"BatchNorm({text}, units={self.units})"

    @classmethod
    def from_keras(cls, num_features: int, momentum: float = 0.99, epsilon: float = 1e-3) -> BatchNorm:
        """Return the layer that Keras means by these numbers, which are its defaults.

        Keras weighs the old value with its momentum, and takes in the batch's biased variance.

        Examples
        --------
        >>> import lamina
        >>> lamina.BatchNorm.from_keras(512, momentum=0.75)
        BatchNorm(num_features=512, momentum=0.25, eps=0.001, unbiased_running_var=False)
        """
        return cls._of_old_weight("BatchNorm.from_keras", num_features, momentum, epsilon)

    @classmethod
    def from_onnx(cls, num_features: int, momentum: float = 0.9, epsilon: float = 1e-5) -> BatchNorm:
        """Return the layer that ONNX means by the attributes of `BatchNormalization`, which are its defaults.

        ONNX weighs the old value with its momentum, and takes in the batch's biased variance.

        Examples
        --------
        >>> import lamina
        >>> lamina.BatchNorm.from_onnx(512, momentum=0.75)
        BatchNorm(num_features=512, momentum=0.25, eps=1e-05, unbiased_running_var=False)
        """
        return cls._of_old_weight("BatchNorm.from_onnx", num_features, momentum, epsilon)

    @classmethod
    def _of_old_weight(cls, call: str, num_features: int, momentum: float, epsilon: float) -> BatchNorm:
        if number(call, "momentum", momentum) > 1:
            raise ValueError(f"{call}: momentum is {momentum}, a number in [0, 1] is needed")
        return cls(num_features, 1 - float(momentum), number(call, "epsilon", epsilon), False)

    def settings(self) -> dict[str, Any]:
        numbers = {"momentum": self.momentum, "eps": self.eps, "unbiased_running_var": self.unbiased_running_var}
        settings = {"kind": "batchnorm", "features": self.num_features, **numbers}
        return settings if self.units is None else settings | {"kind": "unit_batchnorm", "units": list(self.units)}


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer normalisation over the units of each row, with scale and shift learned; it runs by itself.

    Parameters
    ----------
    num_features : int
        Columns of the input.
    eps : float
        Added to the variance inside the root.
    affine : bool
        Whether there are a scale γ and a shift β.

    Raises
    ------
    ValueError
        If a number is out of its range.
    TypeError
        If `num_features` is no whole number, or `affine` no bool.

    Notes
    -----
    y = γ (x − μ) / √(σ² + eps) + β with a row's own mean and biased variance, in training and inference alike. γ starts
    at 1, β at 0.

    References
    ----------
    J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.

    Examples
    --------
    >>> import lamina
    >>> lamina.LayerNorm(512)
    LayerNorm(num_features=512, eps=1e-05, affine=True)
    """

    num_features: int
    eps: float = 1e-5
    affine: bool = True

    def __post_init__(self) -> None:
        self._set(
            num_features=whole("LayerNorm", "num_features", self.num_features, 1, _MOST_FEATURES),
            eps=number("LayerNorm", "eps", self.eps),
        )
        if not isinstance(self.affine, bool):
            raise TypeError(f"LayerNorm: affine is {self.affine!r}, True or False is needed")

    def settings(self) -> dict[str, Any]:
        return {"kind": "layernorm", "features": self.num_features, "eps": self.eps, "affine": self.affine}


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training each value is set to 0 with probability p, with the expectation that inference has.

    Parameters
    ----------
    p : float
        In [0, 1); kept exactly in 65536ths.
    scaling : {"inverted", "test"}
        "inverted" scales kept values by 1 / (1 − p) in training, and inference does nothing. "test" leaves them as they
        are, and inference scales all values by 1 − p, as the lectures have it; it runs by itself.

    Raises
    ------
    ValueError
        If p is not in [0, 1), or scaling none of these.
    TypeError
        If p is no number.

    Notes
    -----
    Masks depend on seed, layer, step, row and column alone; see `lamina.ops.dropout_mask`.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 10.

    Examples
    --------
    >>> import lamina
    >>> lamina.Dropout(0.2)
    Dropout(p=0.2, scaling='inverted')
    """

    p: float = 0.5
    scaling: str = "inverted"

    def __post_init__(self) -> None:
        self._set(p=number("Dropout", "p", self.p, below=1))
        one_of("Dropout", "scaling", self.scaling, ["inverted", "test"])

    def settings(self) -> dict[str, Any]:
        return {"kind": "dropout" if self.scaling == "inverted" else "test_scaled_dropout", "p": self.p}
