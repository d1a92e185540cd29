"""Cross-validation chooses a net's size and dropout without a look at the test set, and chooses well.

`lamina.sklearn` has nets as estimators of scikit-learn, whose search tries every pair of settings: each is trained
three times on two thirds of the examples and scored on the third left over. What was not chosen is tested here too,
which nobody does in earnest, to see how good the choice was. See H. Larochelle, "Neural networks", training neural
networks: model selection. It needs scikit-learn.
"""

import numpy as np
from common import finish, new_figure, noisy_prototypes, read_arguments
from sklearn.model_selection import GridSearchCV

from lamina.sklearn import MLPClassifier

UNITS, SHARES = (8, 32, 128, 512), (0.0, 0.3, 0.6)


def main(arguments=None):
    options = read_arguments(__doc__, arguments)
    (X, y), (X_test, y_test) = noisy_prototypes(np.random.default_rng(options.seed), 400, 3000)

    net = MLPClassifier(max_iter=50, batch_size=50, batch_norm=False, random_state=options.seed)
    grid = {"hidden_layer_sizes": [(units, units) for units in UNITS], "dropout": SHARES}
    search = GridSearchCV(net, grid, cv=3).fit(X, y)

    # The first of the settings by name changes slowest: rows are dropout, columns are sizes.
    validated = search.cv_results_["mean_test_score"].reshape(len(SHARES), len(UNITS))
    nets = (net.set_params(**setting).fit(X, y) for setting in search.cv_results_["params"])
    tested = np.array([each.score(X_test, y_test) for each in nets]).reshape(validated.shape)
    numbers = {
        "test_score": search.score(X_test, y_test),
        "best_test_score": float(tested.max()),
        "worst_test_score": float(tested.min()),
    }
    figure, axes = new_figure(2)
    for axis, (name, scores) in zip(axes, {"cross-validated": validated, "tested": tested}.items(), strict=True):
        axis.imshow(scores, cmap="Blues", vmin=0, vmax=1.5)
        for place in np.ndindex(scores.shape):
            axis.text(*place[::-1], f"{scores[place]:.1%}", ha="center", va="center")
        axis.set_xticks(range(len(UNITS)), UNITS)
        axis.set_yticks(range(len(SHARES)), SHARES)
        axis.set(title=name, xlabel="units in both layers", ylabel="dropout")
    finish(
        figure,
        options,
        __file__,
        f"Cross-validation chose {search.best_params_['hidden_layer_sizes']} units and dropout "
        f"{search.best_params_['dropout']}: {numbers['test_score']:.1%} on the test set, where the best of all "
        f"settings has {numbers['best_test_score']:.1%} and the worst {numbers['worst_test_score']:.1%}.",
    )
    return numbers


if __name__ == "__main__":
    main()
