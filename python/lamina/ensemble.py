"""Several nets as one: the mean of their outputs or probabilities, or a vote; and bagging, which trains them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from lamina import ops
from lamina._arrays import on_host
from lamina._checks import whole
from lamina._seeds import LAST_STEP, derived_seeds
from lamina.io import load_safetensors, save_safetensors
from lamina.layers import Layer, Linear
from lamina.losses import Loss
from lamina.sequential import Sequential
from lamina.sequential.files import described_net
from lamina.together import run_together
from lamina.trainer import Trainer

__all__ = ["Ensemble", "bagging"]

_KEY = "lamina.ensemble"  # of the file's metadata
_OF_CLASSES = ("softmax_cross_entropy", "kl_divergence", "sigmoid_cross_entropy")


class Ensemble:
    """Nets that answer together.

    Parameters
    ----------
    nets : iterable of lamina.Sequential
        At least one; all with the same number of inputs and of outputs.

    Attributes
    ----------
    nets : list of lamina.Sequential
    oob_score : float or None
        Of `bagging`: accuracy or R² where each row is answered by the nets that were not trained on it.
    loss : str or None
        The loss that `bagging` trained them with, None of other nets. Those that learnt values have neither classes nor
        probabilities.

    Raises
    ------
    ValueError
        If there is no net, or they differ in inputs or outputs.
    TypeError
        If something else than nets is given.

    References
    ----------
    L. Breiman, "Bagging predictors", 1996; the vote across classifiers also in the lecture notes, "Dropout".

    Examples
    --------
    >>> import lamina
    >>> nets = [lamina.Sequential(lamina.Linear(2, 3), seed=seed) for seed in range(5)]
    >>> ensemble = lamina.Ensemble(nets)
    >>> X = [[1.0, -1.0]]
    >>> ensemble.votes(X).tolist(), ensemble.vote(X).tolist()
    ([[1, 0, 4]], [2])
    >>> ensemble.predict_proba(X).round(2)
    array([[0.2 , 0.14, 0.67]], dtype=float32)
    """

    def __init__(self, nets: Iterable[Sequential]) -> None:
        if not isinstance(nets, Iterable):
            raise TypeError(f"Ensemble: nets is {nets!r}, a list of nets is needed")
        self.nets = list(nets)
        for net in self.nets:
            if not isinstance(net, Sequential):
                raise TypeError(f"Ensemble: {net!r} given, instances of lamina.Sequential are needed")
        sizes = {(net.in_features, net.out_features) for net in self.nets}
        if len(sizes) != 1:
            given = " and ".join(f"({ins} in, {outs} out)" for ins, outs in sorted(sizes)) or "none"
            raise ValueError(
                f"Ensemble: nets {given} given, at least one is needed, all of the same inputs and outputs"
            )
        self.oob_score: float | None = None
        self.loss: str | None = None

    def __len__(self) -> int:
        return len(self.nets)

    def __repr__(self) -> str:
        return f"Ensemble({len(self)} nets, {self.nets[0].in_features} in, {self.nets[0].out_features} out)"

    def predict(self, X: Any, batch_size: int = 1024) -> np.ndarray:
        """Return the mean of the nets' outputs; of use where they are values rather than logits.

        Parameters
        ----------
        X : array_like of shape (rows, in)
            Converted to each net's dtype.
        batch_size : int
            Rows computed at a time.

        Returns
        -------
        ndarray of shape (rows, out)
            Of the nets' dtype, the mean taken in float64.

        Raises
        ------
        ValueError
            If X has another shape, or `batch_size` is below 1.
        TypeError
            If X is not made of numbers.
        """
        return self._mean(net.predict(X, batch_size) for net in self.nets)

    def predict_proba(self, X: Any, batch_size: int = 1024, *, multi_label: bool = False) -> np.ndarray:
        """Return the mean of the nets' probabilities.

        Parameters
        ----------
        X, batch_size
            As of `predict`.
        multi_label : bool
            As of `Sequential.predict_proba`.

        Returns
        -------
        ndarray of shape (rows, classes)
            Of the nets' dtype, the mean taken in float64.

        Raises
        ------
        ValueError, TypeError
            As `predict`, and if the nets learnt values.
        """
        self._check_classes("Ensemble.predict_proba")
        return self._mean(net.predict_proba(X, batch_size, multi_label=multi_label) for net in self.nets)

    def _mean(self, answers: Iterator[Any]) -> np.ndarray:
        total: Any = 0.0
        for answer in answers:
            total = total + on_host(answer).astype(np.float64)
        return (total / len(self)).astype(np.result_type(*(net.dtype for net in self.nets)))

    def votes(self, X: Any, batch_size: int = 1024) -> np.ndarray:
        """Return how many nets choose each class: the class of their largest output.

        Parameters
        ----------
        X, batch_size
            As of `predict`.

        Returns
        -------
        ndarray of shape (rows, classes), int64
            Rows sum to the number of nets. Nets with one output choose between two classes, the second where it is
            above 0.

        Raises
        ------
        ValueError, TypeError
            As `predict`, and if the nets learnt values.
        """
        self._check_classes("Ensemble.votes")
        counts: Any = 0
        classes = np.arange(max(2, self.nets[0].out_features))
        for net in self.nets:
            outputs = on_host(net.predict(X, batch_size))
            chosen = outputs.argmax(axis=1) if outputs.shape[1] > 1 else outputs[:, 0] > 0
            counts = counts + (chosen[:, None] == classes)
        return counts.astype(np.int64)

    def vote(self, X: Any, batch_size: int = 1024) -> np.ndarray:
        """Return the class that most nets choose, of equals the lowest, as int64 of shape (rows,); see `votes`."""
        return self.votes(X, batch_size).argmax(axis=1)

    def _check_classes(self, call: str) -> None:
        if self.loss is not None and self.loss not in _OF_CLASSES:
            raise ValueError(f"{call}: the nets learnt values, by {self.loss}; predict gives their mean")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all nets to one safetensors file, replacing an older one in a single step.

        Raises
        ------
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import lamina
        >>> lamina.Ensemble([lamina.Sequential(lamina.Linear(3, 2))] * 4).save("four.safetensors")
        >>> lamina.Ensemble.load("four.safetensors")
        Ensemble(4 nets, 3 in, 2 out)
        """
        tensors = {
            f"{index}.{name}": array for index, net in enumerate(self.nets) for name, array in net.state_dict().items()
        }
        own = {"oob_score": self.oob_score, "loss": self.loss}
        text = json.dumps({"nets": [net._description() for net in self.nets], **own})
        save_safetensors(path, tensors, {_KEY: text})

    @classmethod
    def load(cls, path: str | os.PathLike[str], layers: Iterable[type[Layer]] = ()) -> Ensemble:
        """Read what `save` wrote; `layers` as of `lamina.load`.

        Raises
        ------
        ValueError
            If the file is damaged, or holds no ensemble.
        OSError
            If it cannot be read.
        """
        tensors, metadata = load_safetensors(path)
        if _KEY not in metadata:
            raise ValueError(f"Ensemble.load: {os.fspath(path)} holds no ensemble, its metadata has no {_KEY!r}")
        layers = list(layers)
        try:
            described = json.loads(metadata[_KEY])
            parts: list[dict[str, np.ndarray]] = [{} for _ in described["nets"]]
            for name, array in tensors.items():
                index, _, rest = name.partition(".")
                parts[int(index)][rest] = array
            ensemble = cls(described_net(*pair, layers) for pair in zip(described["nets"], parts, strict=True))
            ensemble.oob_score, ensemble.loss = described["oob_score"], described.get("loss")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError(f"Ensemble.load: {os.fspath(path)} holds a damaged ensemble: {error}") from None
        return ensemble


def bagging(
    make_net: Callable[[int], Sequential],
    X: Any,
    y: Any,
    *,
    n: int = 10,
    seed: int = 0,
    trainer: Mapping[str, Any] | None = None,
    sample_weight: Any = None,
    jobs: int = 1,
    progress: bool = True,
    **fit: Any,
) -> Ensemble:
    """Train nets on bootstrap samples of the data.

    Parameters
    ----------
    make_net : callable
        `make_net(seed)` returns a new net; its seed should settle the initial weights.
    X, y, sample_weight : array_like
        The data, as of `Trainer.fit`.
    n : int
        Number of nets, at least 1.
    seed : int in [0, 2**64)
        Settles the samples and the seeds of nets and trainers.
    trainer : mapping, optional
        Settings of `lamina.Trainer`: loss, optimizer, schedule … All trainers share them, callbacks too, one after the
        other.
    jobs : int
        How many nets are trained at a time, see `lamina.fit_together`; with callbacks one.
    progress : bool
        Whether a progress bar of the nets is shown on standard error.
    **fit
        Settings of `Trainer.fit`: epochs, batch_size, validation_data, augment …

    Returns
    -------
    Ensemble
        With `oob_score`, NaN if no row was left out of any sample, or nets have diverged.

    Raises
    ------
    ValueError, TypeError
        As `lamina.Trainer` and its `fit`, or if there is nothing to call or `n` is below 1.

    Notes
    -----
    Each sample is as many rows as there are, drawn with replacement: about 1/e of them are not in it. Such a row is
    answered by the mean of probabilities (of outputs, for a loss without classes) of the nets whose sample it is not
    in, and the score of these answers is the ensemble's on data not seen, only with fewer nets.

    References
    ----------
    L. Breiman, "Bagging predictors", Machine Learning 24 (1996); "Out-of-bag estimation", 1996.

    Examples
    --------
    >>> import lamina, numpy as np
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> y = (X[:, 0] > 0).astype(int)
    >>> ensemble = lamina.bagging(
    ...     lambda seed: lamina.Sequential(lamina.Linear(1, 2), seed=seed),
    ...     X, y, n=5, trainer={"optimizer": lamina.Adam(lr=0.05)}, epochs=100, progress=False,
    ... )
    >>> len(ensemble), ensemble.oob_score > 0.9
    (5, True)
    """
    call = "bagging"
    if not callable(make_net) or isinstance(make_net, Sequential):
        raise TypeError(f"{call}: make_net is {make_net!r}, a callable is needed that makes a net from a seed")
    n, seed = whole(call, "n", n, 1), whole(call, "seed", seed, 0, 2**64 - 1)
    jobs, settings = whole(call, "jobs", jobs, 1), dict(trainer or {})
    if jobs > 1 and settings.get("callbacks"):
        raise ValueError(f"{call}: jobs is {jobs}, callbacks that all trainers share need jobs=1")
    nets: list[Sequential] = []
    members: list[Trainer] = []
    bags: list[np.ndarray] = []
    for index, own_seed in enumerate(derived_seeds(seed, n)):
        member = Trainer(make_net(own_seed), seed=own_seed, **settings)
        if any(member.net is net for net in nets):
            raise ValueError(f"{call}: make_net returned the same net twice, a new one is needed each time")
        x, targets, weight = map(on_host, member._data(call, X, y, sample_weight))
        draws = ops.random_uniform(len(x), seed=seed, layer=index, step=LAST_STEP, dtype="float64")
        bag = (draws * len(x)).astype(np.int64)
        if weight is not None and not weight[bag].any():
            raise ValueError(f"{call}: bag {index} drew rows of weight 0 alone, more rows that count are needed")
        nets.append(member.net)
        members.append(member)
        bags.append(bag)

    def fitted(member: Trainer, bag: np.ndarray) -> dict[str, list[float]]:
        sampled = None if weight is None else weight[bag]
        return member.fit(x[bag], targets[bag], sample_weight=sampled, progress=False, **fit)

    run_together([partial(fitted, *pair) for pair in zip(members, bags, strict=True)], members, jobs, progress)
    ensemble = Ensemble(nets)
    ensemble.loss = member.loss.name
    ensemble.oob_score = _out_of_bag_score(nets, bags, member.loss, x, targets, weight)
    return ensemble


def _out_of_bag_score(
    nets: list[Sequential],
    bags: list[np.ndarray],
    loss: Loss,
    x: np.ndarray,
    targets: np.ndarray,
    weight: np.ndarray | None,
) -> float:
    outputs = nets[0].out_features
    questions, classes = loss.name == "sigmoid_cross_entropy", loss.name in ("softmax_cross_entropy", "kl_divergence")
    total, answers = np.zeros((len(x), outputs)), np.zeros(len(x), np.int64)
    for net, bag in zip(nets, bags, strict=True):
        left_out = np.bincount(bag, minlength=len(x)) == 0
        rows = x[left_out]
        given = net.predict_proba(rows, multi_label=questions) if questions or classes else net.predict(rows)
        with np.errstate(invalid="ignore"):  # of nets that have diverged
            total[left_out] += on_host(given)
        answers += left_out
    met = answers > 0 if weight is None else (answers > 0) & (weight > 0)
    mean = total[met] / answers[met, None]
    if not (met.any() and np.isfinite(mean).all()):
        return float("nan")
    # The score is the trainer's own, of a net that passes on what it is given. It compares logits with each other, or
    # with 0: probabilities, or what they have above one half, will do.
    passing = Sequential(Linear(outputs, outputs, bias=False), dtype="float64")
    passing.parameters()["0.weight"][...] = np.eye(outputs)
    weight = None if weight is None else weight[met]
    return Trainer(passing, loss).evaluate(mean - 0.5 if questions else mean, targets[met], weight)["score"]
