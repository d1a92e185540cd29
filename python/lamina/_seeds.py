"""Seeds made from a seed, for parts that must not share their random numbers."""

from __future__ import annotations

import numpy as np

from lamina import ops

__all__ = ["DATA_STEP", "LAST_LAYER", "LAST_STEP", "SAMPLE_STEP", "derived_seeds"]

# Counters that no layer of a net and no epoch gets to: draws with them are apart from a net's own under the same seed.
LAST_LAYER, LAST_STEP = 2**24 - 1, 2**32 - 1
SAMPLE_STEP = 2**31  # from which on Boltzmann machines draw samples: their learning counts from 0
DATA_STEP = LAST_STEP - 1  # with the last layer: generated data, which takes the steps below it too


def derived_seeds(seed: int, n: int) -> list[int]:
    """Return `n` seeds below 2**53 that `seed` settles.

    Examples
    --------
    >>> derived_seeds(0, 3)[:2] == derived_seeds(0, 2), len(set(derived_seeds(0, 3) + derived_seeds(1, 3)))
    (True, 6)
    """
    draws = ops.random_uniform(n, seed=seed, layer=LAST_LAYER, step=LAST_STEP, dtype="float64")
    return (draws * 2**53).astype(np.int64).tolist()
