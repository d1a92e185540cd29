"""The 8 x 8 handwritten digits that come with scikit-learn: real data without a download."""

from __future__ import annotations

import numpy as np

__all__ = ["digits"]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's bundled digits, scaled to [0, 1].

    Returns
    -------
    X : ndarray of shape (1797, 64), float32
        Ink of the 8 x 8 pixels, row by row, in sixteenths: exact in float32.
    y : ndarray of shape (1797,), int64
        The digit shown, 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.

    Examples
    --------
    >>> X, y = digits()
    >>> X.shape, float(X.max()), y[:4].tolist()
    ((1797, 64), 1.0, [0, 1, 2, 3])
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "digits: scikit-learn holds this data set and is not installed, run: pip install 'lamina[demo]' "
            "(in a clone: pip install '.[demo]')"
        ) from error
    images = load_digits()
    return (images.data / 16.0).astype(np.float32), images.target.astype(np.int64)
