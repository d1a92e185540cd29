"""lamina's nets as estimators of scikit-learn, which has to be installed: pip install 'lamina[sklearn]'."""

try:
    from sklearn.utils.validation import validate_data as _new_in_1_6  # noqa: F401
except ImportError as error:
    raise ImportError(
        "lamina.sklearn: scikit-learn 1.6 or newer is needed, run: pip install 'lamina[sklearn]' "
        "(in a clone: pip install '.[sklearn]')"
    ) from error

from lamina.sklearn.mlp import MLPClassifier, MLPRegressor
from lamina.sklearn.rbm import BernoulliRBM, GaussianRBM

__all__ = ["BernoulliRBM", "GaussianRBM", "MLPClassifier", "MLPRegressor"]
