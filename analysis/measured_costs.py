"""Costs measured elsewhere, on an edge device for example, put in the place of a search's own."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.tables import CONFIG_PREFIX, COST_COLUMNS, NETWORK_COLUMNS, costs_frame
from spaces.errors import InputError
from trainables.runtimes.names import EAGER, FLOAT32, RUNTIME_KINDS

if TYPE_CHECKING:
    import pandas as pd

    from analysis.results import SearchResults

DEVICE_SETTING = "costs_device"
"""Where the settings of `with_costs` say what the costs were measured on."""

IDENTITY = ("space", *(name.removeprefix(CONFIG_PREFIX) for name in NETWORK_COLUMNS))
"""Columns that say which networks a row is about: a row's costs go to the trials that equal it in all it has."""


def read_costs_file(path: Path) -> "pd.DataFrame":
    """Read a CSV of costs, such as `analysis.benchmark --csv` writes; lines that begin with # are skipped.

    A column `input_size` (px) tells networks apart, as their `crop_size`, only where it varies: otherwise it is the
    one size that all were measured at.

    Of several runtimes and precisions the rows of eager PyTorch in float32 are taken, which is what searches measure:
    one way to run for all networks, and no loss of mIoU that the search does not know of. Who wants another one leaves
    only its rows in the file.

    Returns:
        Some of the columns of `IDENTITY`, some of `COST_COLUMNS` as float64, and whatever else the file has.

    Raises:
        InputError: The file can't be read, lacks columns to match or costs to take, or has rows of several runtimes or
            precisions but none of eager PyTorch in float32.
    """
    import pandas as pd

    try:
        # Not pandas' own `comment`, which also cuts lines in the middle, as at a name with a # in it.
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        table = pd.read_csv(io.StringIO("".join(line for line in lines if line[0] != "#")), skipinitialspace=True)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"--costs {path}: not a readable CSV ({reason}); it needs a header row and a row per network"
        ) from error
    table = table.rename(columns=lambda name: str(name).strip().removeprefix(CONFIG_PREFIX))
    if "crop_size" not in table and "input_size" in table and table["input_size"].nunique() > 1:
        table = table.rename(columns={"input_size": "crop_size"})
    if not any(name in table for name in IDENTITY):
        raise InputError(
            f"--costs {path}: no column says which network a row is; right is at least one of {', '.join(IDENTITY)}"
        )
    costs = [name for name in COST_COLUMNS if name in table]
    if not costs:
        raise InputError(f"--costs {path}: no column of costs; right is at least one of {', '.join(COST_COLUMNS)}")
    for name in costs:
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = table[name][numbers.isna() & table[name].notna()]
        if len(wrong):
            raise InputError(f"--costs {path}: column {name} holds {wrong.iloc[0]!r}; right is a number")
        table[name] = numbers.astype("float64")
    return _of_one_runtime(table, path)


def _of_one_runtime(table: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    ways = [name for name in ("runtime", "precision") if name in table]
    if len(ways) < 2 or len(table[ways].drop_duplicates()) < 2:
        return table
    plain = (table["runtime"] == RUNTIME_KINDS[EAGER].title) & (table["precision"] == FLOAT32)
    if not plain.any():
        found = "; ".join(f"{runtime} {precision}" for runtime, precision in table[ways].drop_duplicates().to_numpy())
        raise InputError(
            f"--costs {path}: has rows of several runtimes ({found}); right is a file with the rows of one, or with "
            f"those of {RUNTIME_KINDS[EAGER].title} {FLOAT32}, which are then taken"
        )
    return table[plain].reset_index(drop=True)


def with_costs(results: "SearchResults", costs: "pd.DataFrame") -> "SearchResults":
    """The same results with the costs of `read_costs_file` in place of those measured after the search.

    All costs of a trial that a row matches are replaced, those that the row lacks by NaN: figures of two devices must
    not stand side by side. Trials that no row matches lose theirs for the same reason.

    Raises:
        InputError: No row matches any trial, or a row fits trials of different networks because it does not say which
            of them it is about.
    """
    import pandas as pd

    trials = results.trials.copy()
    known = [name for name in IDENTITY if name in costs and _column(name) in trials]
    for name in COST_COLUMNS:
        trials[name] = float("nan")
    matched = False
    for _, row in costs.iterrows():
        chosen = trials["trial_id"].notna()
        for name in known:
            # An empty cell matches every network.
            if not pd.isna(row[name]):
                chosen &= trials[_column(name)] == row[name]
        _check_one_network(trials[chosen], row)
        matched |= bool(chosen.any())
        for name in COST_COLUMNS:
            if name in costs:
                trials.loc[chosen, name] = float(row[name])
    if not matched:
        raise InputError(_no_match(trials, costs, known))
    devices = [str(name) for name in costs["device"].dropna().unique()] if "device" in costs else []
    device = ", ".join(devices) or "another device"
    ways = [str(costs[name].iloc[0]) for name in ("runtime", "precision") if name in costs]
    if len(ways) == 2 and ways != [RUNTIME_KINDS[EAGER].title, FLOAT32]:
        device += f" ({' '.join(ways)})"
    settings = {**results.settings, DEVICE_SETTING: device}
    return replace(results, settings=settings, trials=trials, costs=costs_frame(trials))


def _check_one_network(chosen: "pd.DataFrame", row: "pd.Series[Any]") -> None:
    """Refuse a row whose trials differ in something that it does not state: its costs can't be those of all."""
    for name in (column.removeprefix(CONFIG_PREFIX) for column in NETWORK_COLUMNS):
        stated = row.get(name)
        if _column(name) not in chosen or not (stated is None or stated != stated):  # noqa: PLR0124 - NaN
            continue
        values = sorted(map(str, chosen[_column(name)].unique()))
        if len(values) > 1:
            about = ", ".join(str(row[known]) for known in IDENTITY if known in row.index)
            raise InputError(
                f"--costs: the row of {about} fits networks of {name} {' and '.join(values)};"
                f" right is a row for each, with a column {name}"
            )


def _no_match(trials: "pd.DataFrame", costs: "pd.DataFrame", known: Sequence[str]) -> str:
    """Why no row matches: the columns in which rows and trials have no value in common."""
    apart = []
    for name in known:
        given, searched = set(costs[name].dropna()), set(trials[_column(name)])
        if given and not given & searched:
            apart.append(f"{name} is {_listed(given)} in the rows and {_listed(searched)} in the search")
    why = "; ".join(apart) or f"no row equals one in all of {', '.join(known) or 'its columns'}"
    return f"--costs: no row matches a trial of this search: {why}"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values)))


def _column(name: str) -> str:
    return name if name == "space" else CONFIG_PREFIX + name
