"""How strongly each hyperparameter went along with the score: the order of the plots below it, as bars."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 12
"""Parameters of a space in the list; the plots show them all."""


@dataclass(frozen=True, slots=True)
class Importance:
    """One parameter: its association with the score, 0 to 1, written out and as the width of a bar in per cent."""

    parameter: str
    association: str
    width: float


def make_importance(table: "pd.DataFrame") -> dict[str, tuple[Importance, ...]]:
    """The strongest associations of each space, strongest first; a space where none is known is left out.

    Args:
        table: Data of `analysis.figures.hyperparameters`.
    """
    found: dict[str, tuple[Importance, ...]] = {}
    known = table[table["association"].notna()]
    distinct = known.drop_duplicates(["space", "parameter"])
    for space, rows in distinct.groupby("space", sort=False):
        strongest = rows.sort_values("association", ascending=False, kind="stable").head(MOST_SHOWN)
        found[str(space)] = tuple(
            Importance(str(name), f"{strength:.2f}", round(100 * float(strength), 1))
            for name, strength in zip(strongest["parameter"], strongest["association"], strict=True)
        )
    return found
