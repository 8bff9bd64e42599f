"""A surrogate of recorded curves: what a configuration that was never trained would have looked like.

Configurations are encoded with one column per number and one per choice, and a value outside of the range where a
parameter does not apply. Extremely randomised trees (Geurts et al. 2006) predict the principal components of the curve.
Trees predict means, which would make all configurations look alike; so a curve is the prediction plus what the same
forest, fitted without it, missed of a recorded curve nearby: with its misfit, its shape and its noise.

    python -m benchmarks.curve_surrogate [--curves-file FILE]

validates it by cross-validation: are unseen configurations ranked rightly, and do early evaluations of drawn curves say
as much about their ends as those of real ones?
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded_curves import CURVES_FILE, RecordedCurves, read_recorded_curves
from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.conditions import Scalar
from spaces.errors import InputError

COMPONENTS = 6
"""Principal components that are predicted; the first alone explains most of recorded curves."""

TREES = 100
FOLDS = 10
NEIGHBOURS = 5
"""Nearest recorded configurations, one of which lends its residual."""

INACTIVE = -1.0
"""Stands for a parameter that does not apply; numbers are scaled to 0 to 1."""

FEWEST_CURVES = 20

Curve = NDArray[np.float64]


class Encoding:
    """Turns drawn values into columns: ranges of the recorded configurations to 0 to 1, choices to one column each."""

    def __init__(self, recorded: Sequence[Mapping[str, Scalar]]) -> None:
        names = sorted({name for drawn in recorded for name in drawn})
        self._ranges: dict[str, tuple[float, float, bool]] = {}
        self._choices: list[tuple[str, Scalar]] = []
        for name in names:
            values = [drawn[name] for drawn in recorded if name in drawn]
            numbers = [float(value) for value in values if isinstance(value, int | float)]
            if any(isinstance(value, str | bool) for value in values) or len(set(numbers)) <= 3:
                self._choices += [(name, value) for value in sorted(set(values), key=str)]
            else:
                # A range over more than a factor of eight was drawn logarithmically.
                log = min(numbers) > 0 and max(numbers) / min(numbers) > 8
                low, high = (float(np.log(end)) if log else end for end in (min(numbers), max(numbers)))
                self._ranges[name] = (low, high, log)

    def encode(self, drawn: Mapping[str, Scalar]) -> list[float]:
        """The columns of one configuration."""
        columns = []
        for name, (low, high, log) in self._ranges.items():
            if name not in drawn:
                columns.append(INACTIVE)
                continue
            value = float(drawn[name])
            columns.append(((np.log(value) if log else value) - low) / (high - low))
        for name, choice in self._choices:
            columns.append(float(drawn[name] == choice) if name in drawn else INACTIVE)
        return columns


class CurveSurrogate:
    """Curves of configurations that were never trained, after recorded ones of the same space.

    Attributes:
        explained: Share of the variance of recorded curves that the predicted components hold.
        residuals: What cross-validated predictions missed of each recorded curve.
    """

    def __init__(self, recorded: RecordedCurves, seed: int = 0) -> None:
        """Fit the surrogate.

        Raises:
            InputError: If there are too few whole curves to learn from.
        """
        whole = np.isfinite(recorded.mious).all(axis=1)
        if whole.sum() < FEWEST_CURVES:
            raise InputError(f"{whole.sum()} whole curves: a surrogate takes {FEWEST_CURVES} at least")
        self._seed = seed
        self._curves = recorded.mious[whole]
        self._seconds = recorded.seconds[whole]
        drawn = [values for values, kept in zip(recorded.drawn, np.atleast_1d(whole).tolist(), strict=True) if kept]
        self._encoding = Encoding(drawn)
        self._columns = np.array([self._encoding.encode(values) for values in drawn])
        self._mean = self._curves.mean(axis=0)
        _, sizes, components = np.linalg.svd(self._curves - self._mean, full_matrices=False)
        self._components = components[:COMPONENTS]
        self.explained = float((sizes[:COMPONENTS] ** 2).sum() / (sizes**2).sum())
        self.predicted = self._cross_validated()
        self.residuals = self._curves - self.predicted
        self._forest = self._fitted(np.arange(len(self._curves)))

    @property
    def recorded(self) -> Curve:
        """The curves that it learnt from."""
        return self._curves

    def curves(
        self, drawn: Sequence[Mapping[str, Scalar]], random: np.random.Generator
    ) -> tuple[Curve, NDArray[np.float64]]:
        """Curves of configurations, one row each, and their seconds from one evaluation to the next.

        Args:
            drawn: What a sampler drew for each, by name.
            random: Chooses which neighbour lends its residual.
        """
        columns = np.array([self._encoding.encode(values) for values in drawn])
        smooth = self._predicted(self._forest, columns)
        distances = np.abs(columns[:, None, :] - self._columns[None, :, :]).sum(axis=2)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
        lenders = nearest[np.arange(len(drawn)), random.integers(nearest.shape[1], size=len(drawn))]
        return np.clip(smooth + self.residuals[lenders], 0.0, 1.0), self._seconds[lenders]

    def _cross_validated(self) -> Curve:
        """Each recorded curve as it is predicted without it."""
        order = np.random.default_rng(self._seed).permutation(len(self._curves))
        predicted = np.empty_like(self._curves)
        for held_out in np.array_split(order, min(FOLDS, len(order))):
            forest = self._fitted(np.setdiff1d(order, held_out))
            predicted[held_out] = self._predicted(forest, self._columns[held_out])
        return predicted

    def _fitted(self, rows: NDArray[np.int64]) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=self._seed, n_jobs=1)
        return forest.fit(self._columns[rows], (self._curves[rows] - self._mean) @ self._components.T)

    def _predicted(self, forest: Any, columns: NDArray[np.float64]) -> Curve:
        # The mean over the trees without the forest's checks, which take longer than a few predictions.
        rows = columns.astype(np.float32)
        scores = np.mean([tree.tree_.predict(rows).reshape(len(rows), -1) for tree in forest.estimators_], axis=0)
        curves: Curve = self._mean + scores @ self._components
        return curves


def validation_rows(surrogate: CurveSurrogate, drawn: Curve) -> list[dict[str, Any]]:
    """How drawn curves compare with real ones: an early value's rank correlation with the end, and the ends' spread."""
    length = drawn.shape[1]
    return [
        {
            "evaluation": at,
            "real: correlation with the end": spearman(surrogate.recorded[:, at - 1], surrogate.recorded[:, -1]),
            "drawn: correlation with the end": spearman(drawn[:, at - 1], drawn[:, -1]),
            "real: spread": float(surrogate.recorded[:, at - 1].std()),
            "drawn: spread": float(drawn[:, at - 1].std()),
        }
        for at in sorted({1, 2, 3, 4, 6, 9, 13, 18, length} & set(range(1, length + 1)))
    ]


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Rank correlation."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def main(words: Sequence[str]) -> int:
    """Fit the surrogate, validate it and say how well it does."""
    parser = benchmark_parser("curve_surrogate", "Fit a surrogate of recorded learning curves and validate it.")
    parser.add_argument("--curves-file", metavar="FILE", type=Path, default=CURVES_FILE, help="recorded curves")
    parser.add_argument("--space", default="unet", help="space that unseen configurations are drawn from")
    options = parser.parse_args(words)
    surrogate = CurveSurrogate(read_recorded_curves(options.curves_file))
    drawn, _ = surrogate.curves(unseen(options.space, 50 if options.quick else 1000), np.random.default_rng(0))
    real, predicted = surrogate.recorded[:, -1], surrogate.predicted[:, -1]
    report(
        f"Curves of {len(drawn)} unseen configurations, after {len(real)} recorded ones",
        validation_rows(surrogate, drawn),
        options,
        variance_explained_by_the_components=surrogate.explained,
        cross_validated_rank_correlation_of_last_values=spearman(real, predicted),
        cross_validated_rmse_of_last_values=float(np.sqrt(((real - predicted) ** 2).mean())),
        standard_deviation_of_last_values=float(real.std()),
    )
    return EXIT_DONE


def unseen(space: str, count: int, seed: int = 1) -> list[dict[str, Scalar]]:
    """What a random search would draw from a space."""
    from spaces.drawing import RandomSource
    from spaces.loading import load_space

    source = load_space(space)
    draws = RandomSource(seed)
    return [source.suggestions_of(source.sample(draws)) for _ in range(count)]


if __name__ == "__main__":
    run_command(main)
