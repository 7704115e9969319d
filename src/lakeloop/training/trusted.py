"""Types of scikit-learn that hold data alone: a stored model may have them, though skops does not trust them itself.

To load such a type fills arrays, numbers and texts into an object of scikit-learn. Nothing that the file names is
called. As of every stored model its content is believed only after its checksum is that of what was registered.
"""

from __future__ import annotations

from collections.abc import Mapping

_DISTANCES = (
    *("BrayCurtis", "Canberra", "Chebyshev", "Dice", "Euclidean", "Hamming", "Haversine", "Jaccard", "Manhattan"),
    *("Minkowski", "RogersTanimoto", "RussellRao", "SokalMichener", "SokalSneath"),
)
"""Distances between rows. Not `PyFunc`, which calls any function."""

DATA_ONLY: Mapping[str, str] = {
    "sklearn._loss.loss.HalfTweedieLoss": "TweedieRegressor: a link and the power of a loss",
    "sklearn._loss.loss.HalfTweedieLossIdentity": "TweedieRegressor: a link and the power of a loss",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace": "GaussianProcessClassifier: rows, kernel",
    "sklearn.gaussian_process.kernels.ConstantKernel": "GaussianProcess*, its default: a number and its bounds",
    "sklearn.gaussian_process.kernels.Product": "GaussianProcess*, its default: two kernels",
    "sklearn.gaussian_process.kernels.RBF": "GaussianProcess*, its default: a length and its bounds",
    **{
        f"sklearn.metrics._dist_metrics.{name}Distance64": "*Neighbors*: numbers of a distance, none of its functions"
        for name in _DISTANCES
    },
    "sklearn.neighbors._ball_tree.BallTree": "*Neighbors*: the rows, and how they are cut",
    "sklearn.neighbors._kd_tree.KDTree": "*Neighbors*: the rows, and how they are cut",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer": "MLP*: numbers of the descent",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer": "MLP*: numbers of the descent",
}
"""Type -> the estimators that bring it, and what it holds."""
