"""Everything a search leaves behind for its analysis, and the folder it is written to and read from."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.settings_check import check_settings, check_tests
from analysis.tables import (
    costs_frame,
    curves_frame,
    read_table,
    results_frame,
    write_atomically,
    write_table,
)
from spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SETTINGS_FILE = "settings.json"
RESULTS_FILE = "results.parquet"
CURVES_FILE = "curves.parquet"
STRETCHES_FILE = "stretches.parquet"
DECISIONS_FILE = "decisions.parquet"
FINALISTS_FILE = "finalists.json"
SUMMARY_FILE = "summary.json"
PANELS_FOLDER = "panels"

MEAN_SCORES = ("boundary_miou", "calibration_error")
"""Fields of a `TestEvaluation` that are one number for the whole test part."""


@dataclass(frozen=True)
class TestEvaluation:
    """One finalist's predictions on the test part, counted.

    Attributes:
        trial_id: The finalist's own trial.
        space: Name of its space.
        role: `best`, `best-2`, ... by the rank of its configuration in the search, or `baseline`.
        seed: Seed of its initial weights and data order; finalists are matched by it.
        groups: Names of the test part's G source photos, or captures when the split is by capture.
        confusion: Pixels by truth and prediction in each group, int64 (G, C, C), rows = truth.
        boundary_miou: Foreground mean of boundary IoU; NaN where no class has a contour, or it was not recorded.
        calibration_error: Expected calibration error, 0 to 1; NaN where it was not recorded.
    """

    __test__: ClassVar[bool] = False  # the name begins with "Test": pytest must not collect it

    trial_id: str
    space: str
    role: str
    seed: int
    groups: tuple[str, ...]
    confusion: NDArray[np.int64]
    boundary_miou: float = math.nan
    calibration_error: float = math.nan

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: The confusion matrices are not (G, C, C) for G distinct groups, or count below zero.
        """
        shape = self.confusion.shape
        if len(shape) != 3 or shape[1] != shape[2] or shape[0] != len(self.groups):
            raise ValueError(f"confusion has shape {shape}; right is ({len(self.groups)}, classes, classes)")
        if len(set(self.groups)) != len(self.groups):
            raise ValueError("groups holds a name twice")
        if (self.confusion < 0).any():
            raise ValueError("confusion holds a negative count")


@dataclass(frozen=True)
class Panel:
    """A picture for the report.

    Attributes:
        name: Its file name without `.png`.
        caption: What it shows, in one sentence.
        png: The encoded picture.
    """

    name: str
    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class SearchResults:
    """What the analysis of one search works on; not to be changed, and equal to itself alone.

    Attributes:
        settings: The search's settings, as in its `settings.json`.
        trials: One row per trial, finalists included (`analysis.tables.results_frame`).
        curves: One row per evaluation (`analysis.tables.curves_frame`).
        tests: The finalists' evaluations on the test part; empty until finalists have run.
        costs: One row per space and distinct network (`analysis.tables.costs_frame`).
        panels: Pictures, such as the best trial's predictions.
        summary: What the search itself says of it, as in its `summary.json`; empty before it wrote one.
        stretches: One row per stretch of training (`analysis.compute_tables.stretches_frame`); empty where the search
            left none, and when it is read from MLflow.
        decisions: One row per trial and rung (`analysis.compute_tables.decisions_frame`); empty likewise.
    """

    settings: dict[str, Any]
    trials: "pd.DataFrame"
    curves: "pd.DataFrame"
    tests: tuple[TestEvaluation, ...]
    costs: "pd.DataFrame"
    panels: tuple[Panel, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)
    stretches: "pd.DataFrame" = field(default_factory=lambda: stretches_frame([]))
    decisions: "pd.DataFrame" = field(default_factory=lambda: decisions_frame([]))


def read_search_folder(path: Path) -> SearchResults:
    """Read what a search left in its folder.

    Curves, finalists and panels may be absent: a search that was interrupted early has none. Stretches and decisions
    are absent from the folders of older searches.

    Raises:
        InputError: `path` is no search folder, or a file of it is broken.
    """
    settings_path = path / SETTINGS_FILE
    if not settings_path.is_file():
        raise InputError(f"{path}: not a search folder (it has no {SETTINGS_FILE}); name one under runs/")
    results_path = path / RESULTS_FILE
    if not results_path.is_file():
        raise InputError(f"{path}: the search has no {RESULTS_FILE} yet; resume it until it writes one")
    settings = check_settings(_read_json(settings_path), str(settings_path))
    trials = read_table(results_path, results_frame)
    curves = _table_or_empty(path / CURVES_FILE, curves_frame)
    tests = _read_tests(path / FINALISTS_FILE)
    check_tests(tests, settings, str(path / FINALISTS_FILE))
    return SearchResults(
        settings=settings,
        trials=trials,
        curves=curves,
        tests=tests,
        costs=costs_frame(trials),
        panels=_read_panels(path / PANELS_FOLDER),
        summary=_read_summary(path / SUMMARY_FILE),
        stretches=_table_or_empty(path / STRETCHES_FILE, stretches_frame),
        decisions=_table_or_empty(path / DECISIONS_FILE, decisions_frame),
    )


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write `settings.json`."""
    _write_json(folder / SETTINGS_FILE, dict(settings))


def write_results(folder: Path, trials: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> None:
    """Check and write `results.parquet`.

    Raises:
        TableError: The rows break the schema.
    """
    write_table(results_frame(trials), folder / RESULTS_FILE)


def write_curves(folder: Path, curves: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> None:
    """Check and write `curves.parquet`.

    Raises:
        TableError: The rows break the schema.
    """
    write_table(curves_frame(curves), folder / CURVES_FILE)


def write_stretches(
    folder: Path,
    stretches: "pd.DataFrame | Sequence[Mapping[str, Any]]",
    decisions: "pd.DataFrame | Sequence[Mapping[str, Any]]",
) -> None:
    """Check and write `stretches.parquet` and `decisions.parquet`.

    Raises:
        TableError: The rows break the schema.
    """
    write_table(stretches_frame(stretches), folder / STRETCHES_FILE)
    write_table(decisions_frame(decisions), folder / DECISIONS_FILE)


def write_tests(folder: Path, tests: Sequence[TestEvaluation]) -> None:
    """Write the finalists' evaluations as `finalists.json`."""
    _write_json(folder / FINALISTS_FILE, [evaluation_to_json(test) for test in tests])


def write_panels(folder: Path, panels: Sequence[Panel]) -> None:
    """Write pictures as `panels/NAME.png`, each caption beside its picture as `NAME.txt`."""
    place = folder / PANELS_FOLDER
    place.mkdir(parents=True, exist_ok=True)
    for panel in panels:
        _write_text(place / f"{panel.name}.txt", panel.caption)
        write_atomically(place / f"{panel.name}.png", partial(_fill, content=panel.png))


def evaluation_to_json(test: TestEvaluation) -> dict[str, Any]:
    """An evaluation as plain JSON values."""
    return {
        "trial_id": test.trial_id,
        "space": test.space,
        "role": test.role,
        "seed": test.seed,
        "groups": list(test.groups),
        "confusion": test.confusion.tolist(),
        # JSON has no NaN.
        **{name: value for name in MEAN_SCORES if not math.isnan(value := getattr(test, name))},
    }


def evaluation_from_json(value: Mapping[str, Any]) -> TestEvaluation:
    """The inverse of `evaluation_to_json`.

    Raises:
        KeyError: A field is missing.
        ValueError: The confusion matrices do not fit the groups.
    """
    return TestEvaluation(
        trial_id=str(value["trial_id"]),
        space=str(value["space"]),
        role=str(value["role"]),
        seed=int(value["seed"]),
        groups=tuple(str(group) for group in value["groups"]),
        confusion=np.asarray(value["confusion"], dtype=np.int64),
        **{name: float(value[name]) for name in MEAN_SCORES if name in value},
    )


def _table_or_empty(path: Path, build: "Callable[[Any], pd.DataFrame]") -> "pd.DataFrame":
    """A table of the search; one without rows where the file is absent."""
    return read_table(path, build) if path.is_file() else build([])


def _read_tests(path: Path) -> tuple[TestEvaluation, ...]:
    if not path.is_file():
        return ()
    try:
        return tuple(evaluation_from_json(value) for value in _read_json(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the finalists that a search wrote ({error}); resume the search") from error


def _read_panels(folder: Path) -> tuple[Panel, ...]:
    panels = []
    for picture in sorted(folder.glob("*.png")):
        caption = picture.with_suffix(".txt")
        text = caption.read_text(encoding="utf-8") if caption.is_file() else picture.stem
        panels.append(Panel(name=picture.stem, caption=text, png=picture.read_bytes()))
    return tuple(panels)


def _read_summary(path: Path) -> Mapping[str, Any]:
    summary = _read_json(path) if path.is_file() else {}
    if not isinstance(summary, Mapping):
        raise InputError(f"{path}: holds no JSON object; it must be the file that the search wrote")
    return summary


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable JSON ({error}); it must be the file that the search wrote") from error


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=None if isinstance(value, list) else 2, ensure_ascii=False)
    _write_text(path, text + "\n")


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, partial(_fill, content=text.encode()))


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
