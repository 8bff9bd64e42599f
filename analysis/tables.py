"""The two tables of a search: their columns, their dtypes, and how they are checked, written and read.

`results.parquet` has one row per trial, `curves.parquet` one row per evaluation. Numbers that were not
measured are NaN; texts that do not apply are empty. Metrics keep the names that trials report them by: `miou`,
`best_miou`, `boundary_miou`, `calibration_error`, `pseudo_precision` and so on, fractions from 0 to 1; in
`results.parquet` they are those of a trial's last evaluation. A configuration's columns are named `config.` and the
field of TrialConfig; a field that is a mapping has one column per key, `config.threshold_offsets.Jalan`: the
names that a space gives its parameters.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.finalist_roles import BEST, rank_of
from spaces.configuration import BY_CLASS, TrialConfig
from spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

STOP_REASONS = (
    "completed",
    "pruned",
    "patience",
    "diverged",
    "out_of_memory",
    "error",
    "stopped",
    "interrupted",
)
"""Why a trial ended. Empty in the table: the trial had not ended when it was written."""

PHASES = ("search", "finalist")
ROLES = ("baseline", "warm_start", "proposed")
"""What a trial of the search is; the roles of the finals are in `analysis.finalist_roles`."""

RESULT_TEXTS = ("trial_id", "space", "phase", "role", "source_trial_id", "stop_reason", "error")
RESULT_INTEGERS = ("seed", "step")
CURVE_TEXTS = ("trial_id", "space", "phase")
CURVE_INTEGERS = ("step",)
COST_COLUMNS = (
    "parameters",
    "macs",
    "checkpoint_mb",
    "latency_ms_p50",
    "latency_ms_p90",
    "throughput_img_s",
    "peak_memory_mb",
)
"""Costs of a trial's network: counts, MACs of one image, megabytes (1e6 bytes), ms, images/s."""

CONFIG_PREFIX = "config."
NETWORK_COLUMNS = tuple(
    CONFIG_PREFIX + name for name in ("architecture", "encoder", "heads", "decoder_width", "image_scale", "crop_size")
)
"""What identifies a network, as `TrialConfig.network_key` does: trials equal in these share one cost."""


class TableError(ValueError):
    """A table that breaks its schema."""


def results_frame(rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """Build the table of trials: texts `str`, `seed` and `step` int64, metrics and costs float64.

    Args:
        rows: One mapping (or row) per trial; keys as in `results.parquet`. Mappings inside a configuration
            get one column per key; columns that a row lacks are empty (texts) or NaN.

    Returns:
        The checked table, columns in the schema's order: identity, configuration, metrics, costs.

    Raises:
        TableError: A required column is missing or a value does not fit the schema.
    """
    frame = typed_frame(rows, RESULT_TEXTS, RESULT_INTEGERS, required=("trial_id", "space", "phase", "stop_reason"))
    check_values(frame, "phase", PHASES)
    ranked = sorted({role for role in frame["role"] if rank_of(role) is not None})
    check_values(frame, "role", ("", *ROLES, *(ranked or (BEST,))))
    check_values(frame, "stop_reason", ("", *STOP_REASONS))
    if frame["trial_id"].duplicated().any():
        repeated = frame["trial_id"][frame["trial_id"].duplicated()].iloc[0]
        raise TableError(f"trial_id {repeated!r} appears more than once; each trial has one row")
    leading = [*RESULT_TEXTS, *RESULT_INTEGERS]
    configuration = [name for name in frame.columns if name.startswith(CONFIG_PREFIX)]
    costs = [name for name in COST_COLUMNS if name in frame.columns]
    placed = {*leading, *configuration, *costs}
    metrics = [name for name in frame.columns if name not in placed]
    return frame[[*leading, *configuration, *metrics, *costs]]


def curves_frame(rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
    """Build the table of evaluations: texts `str`, `step` int64, metrics float64; sorted by trial and step.

    Raises:
        TableError: A required column is missing, a value does not fit, or a trial has two rows for one step.
    """
    frame = typed_frame(rows, CURVE_TEXTS, CURVE_INTEGERS, required=("trial_id", "space", "phase", "step"))
    check_values(frame, "phase", PHASES)
    doubled = frame.duplicated(["trial_id", "step"])
    if doubled.any():
        row = frame[doubled].iloc[0]
        raise TableError(f"trial {row['trial_id']!r} has two evaluations at step {row['step']}")
    leading = [*CURVE_TEXTS, *CURVE_INTEGERS]
    ordered = frame[[*leading, *(name for name in frame.columns if name not in leading)]]
    return ordered.sort_values(["trial_id", "step"], kind="stable", ignore_index=True)


def costs_frame(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Collect the costs of each distinct network of each space from the table of trials.

    Returns:
        One row per space and network whose costs were measured: `space`, the columns of `NETWORK_COLUMNS`
        that the table has, then `COST_COLUMNS` (float64, NaN where not measured).
    """
    identity = ["space", *(name for name in NETWORK_COLUMNS if name in trials.columns)]
    table = trials.reindex(columns=[*identity, *COST_COLUMNS])
    measured = table[table[list(COST_COLUMNS)].notna().any(axis=1)]
    return measured.drop_duplicates(identity, ignore_index=True)


def configuration_of(row: "Mapping[Any, Any] | pd.Series[Any]") -> TrialConfig:
    """Rebuild the configuration that a row of the table of trials describes.

    Raises:
        pydantic.ValidationError: The row lacks a field without default or holds a value out of range.
    """
    values: dict[str, Any] = {}
    for column, value in row.items():
        name = str(column).removeprefix(CONFIG_PREFIX)
        if name == column or value is None or value != value or value == "":  # noqa: PLR0124 - NaN
            continue
        plain = value.item() if hasattr(value, "item") else value
        field, _, key = name.partition(".")
        if key:
            values.setdefault(field, {})[key] = plain
        else:
            values[name] = plain
    # A mapping without keys has no columns; the default must not stand in for it.
    for name in BY_CLASS:
        values.setdefault(name, {})
    return TrialConfig.model_validate(values)


def write_table(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table as Parquet; a reader sees the old file or the new one, never a part of it."""
    write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))


def read_table(path: Path, build: "Callable[[pd.DataFrame], pd.DataFrame]") -> "pd.DataFrame":
    """Read a Parquet table and check it.

    Args:
        path: The file.
        build: `results_frame` or `curves_frame`.

    Raises:
        InputError: The file is no readable Parquet file or breaks the schema.
    """
    import pandas as pd

    try:
        return build(pd.read_parquet(path))
    except TableError as error:
        raise InputError(f"{path}: {error}") from error
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable Parquet table ({reason}); write it again from the search") from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in `path`'s place.

    Raises:
        OSError: The folder can't be written; `path` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def typed_frame(
    rows: "pd.DataFrame | Sequence[Mapping[str, Any]]",
    texts: Sequence[str],
    integers: Sequence[str],
    *,
    required: Sequence[str],
    numbers: Sequence[str] = (),
) -> "pd.DataFrame":
    """Give every column the dtype its name asks for: texts `str`, integers int64, all others float64.

    Args:
        rows: One mapping (or row) per row of the table.
        texts: Columns of text, and
        integers: of integers, empty and 0 where a row lacks them.
        required: Columns that rows must have.
        numbers: Columns that are there even without any row.

    Raises:
        TableError: A required column is missing or a value does not fit.
    """
    import pandas as pd

    given = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame([dict(row) for row in rows])
    missing = [name for name in required if name not in given.columns]
    if missing and len(given):
        raise TableError(f"column {missing[0]!r} is missing; required are {', '.join(required)}")
    given = _spread_mappings(given)
    names = [*given.columns, *(name for name in (*texts, *integers, *numbers) if name not in given.columns)]
    columns = {}
    for name in names:
        column = given[name] if name in given.columns else pd.Series([None] * len(given), dtype=object)
        columns[name] = _typed(name, column.reset_index(drop=True), texts, integers)
    return pd.DataFrame(columns)


def _typed(name: str, column: "pd.Series[Any]", texts: Sequence[str], integers: Sequence[str]) -> "pd.Series[Any]":
    """Give one column the dtype its name asks for."""
    import pandas as pd

    try:
        if name in texts:
            return column.astype(object).where(column.notna(), "").astype("str")
        if name in integers:
            return column.astype(object).where(column.notna(), 0).astype("int64")
        if name.startswith(CONFIG_PREFIX):
            return _typed_configuration(column)
        numbers = pd.to_numeric(column.astype(object).where(column.notna(), float("nan"))).astype("float64")
    except (TypeError, ValueError) as error:
        raise TableError(f"column {name!r} holds a value of the wrong kind: {error}") from error
    return numbers


def _typed_configuration(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Columns of one kind (bool, int, float, text) keep it; with a value missing, numbers become float64."""
    present = column.dropna()
    if any(isinstance(value, str) for value in present):
        return column.astype(object).where(column.notna(), "").astype("str")
    if len(present) == len(column):
        return column.infer_objects()
    return column.astype("float64")


def _spread_mappings(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Replace each configuration column of mappings by one column per key."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, column in frame.items():
        mappings = [value for value in column if isinstance(value, Mapping)]
        if not str(name).startswith(CONFIG_PREFIX) or not mappings:
            columns[str(name)] = column
            continue
        for key in sorted({str(key) for mapping in mappings for key in mapping}):
            columns[f"{name}.{key}"] = [value.get(key) if isinstance(value, Mapping) else None for value in column]
    return pd.DataFrame(columns, index=frame.index)


def check_values(frame: "pd.DataFrame", name: str, allowed: Sequence[str]) -> None:
    """Check that a column holds nothing but the allowed texts.

    Raises:
        TableError: It holds another one.
    """
    wrong = set(frame[name]) - set(allowed)
    if wrong:
        known = ", ".join(text or "(empty)" for text in allowed)
        raise TableError(f"column {name!r} holds {min(wrong)!r}; allowed are {known}")
