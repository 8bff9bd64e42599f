"""A card per finalist: its score and costs, the IoU of every class, its curves, what it confuses, its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.comparison import score_estimate
from analysis.figures.class_iou import class_entries
from analysis.figures.context import FigureContext
from analysis.figures.marks import NEUTRAL, space_marks
from analysis.figures.text import element_key
from analysis.page.cards import with_interval
from analysis.page.formatting import MISSING, amount, count, score
from analysis.page.plots import Place
from analysis.stability import stability_of

if TYPE_CHECKING:
    from analysis.finalists import Finalist
    from analysis.page.pictures import Picture
    from analysis.results import SearchResults


@dataclass(frozen=True, slots=True)
class ClassScore:
    """The IoU of one class on the test part; the bar and its interval in per cent of the width."""

    name: str
    colour: str
    iou: str
    width: float
    left: float
    span: float


@dataclass(frozen=True, slots=True)
class FinalistCard:
    """What the page says of one finalist.

    Attributes:
        identity: Element id.
        space: Its space.
        role: Its role.
        colour: Its space's colour, #rrggbb.
        symbol: Its space's symbol, one character.
        stands: Whether it stands for its space in the verdict.
        chosen: Whether the verdict names it.
        miou: Test mIoU with its interval, written out.
        trial_id: The trial of the search whose configuration it has.
        facts: Label and value of each further line.
        classes: The IoU of every class that the test part has.
        plots: Its curves and its confusion matrix, each with a heading.
        pictures: Predictions of the trial.
    """

    identity: str
    space: str
    role: str
    colour: str
    symbol: str
    stands: bool
    chosen: bool
    miou: str
    trial_id: str
    facts: tuple[tuple[str, str], ...]
    classes: tuple[ClassScore, ...]
    plots: tuple[tuple[str, Place], ...]
    pictures: "tuple[Picture, ...]"


def make_finalist_cards(
    results: "SearchResults",
    context: FigureContext,
    chosen: tuple[str, str] | None,
    places: Mapping[str, Place],
    pictures: "Mapping[str, tuple[Picture, ...]]",
) -> tuple[FinalistCard, ...]:
    """One card per finalist: of each space the one that stands for it first.

    Args:
        results: The search.
        context: What the figures share.
        chosen: Space and role that the verdict names, if any.
        places: Plots of single spaces and finalists, by the figure's name, a slash and the drawing's key.
        pictures: Predictions by the trial that made them.
    """
    from analysis.finalists import finalists_of

    marks = space_marks(context.spaces)
    cards = []
    for space in finalists_of(results):
        for one in sorted(space.everyone(), key=lambda each: each is not space.best):
            plots = [("What it confuses", f"confusion/{element_key(one.space, one.role)}")]
            if one is space.best:
                # The curves of all finalists of a space are one plot.
                key = f"learning_curves/{element_key(one.space, 'finalist')}"
                plots.insert(0, (f"Learning curves of the finalists of {one.space}", key))
            cards.append(
                FinalistCard(
                    identity=f"finalist-{element_key(one.space, one.role)}",
                    space=one.space,
                    role=one.role,
                    colour=marks[one.space].colour,
                    symbol=marks[one.space].character,
                    stands=one is space.best,
                    chosen=chosen == (one.space, one.role),
                    miou=with_interval(one.miou),
                    trial_id=one.source_trial_id,
                    facts=_facts(results, one),
                    classes=tuple(_classes(results, one)),
                    plots=tuple((heading, places[key]) for heading, key in plots if key in places),
                    pictures=pictures.get(one.source_trial_id, ()),
                )
            )
    return tuple(cards)


def _facts(results: "SearchResults", one: "Finalist") -> tuple[tuple[str, str], ...]:
    own = results.trials[results.trials["trial_id"].isin([test.trial_id for test in one.evaluations])]
    speeds = own["steps_per_second"].dropna() if "steps_per_second" in own else own.iloc[:, 0].iloc[:0]
    calm = stability_of(results, one.space, one.role)
    return (
        ("mIoU, validation", score(one.validation)),
        ("boundary mIoU, test", score(one.mean_of("boundary_miou"))),
        ("calibration error, test", score(one.mean_of("calibration_error"))),
        ("seeds", ", ".join(str(test.seed) for test in one.evaluations)),
        *((f"mIoU, test, seed {seed}", written) for seed, written in _seed_scores(one)),
        ("parameters", count(one.costs["parameters"])),
        ("MACs of one image", count(one.costs["macs"])),
        ("checkpoint", amount(one.costs["checkpoint_mb"], "MB")),
        ("latency, 1 image, median", amount(one.costs["latency_ms_p50"], "ms")),
        ("latency, 1 image, 90th percentile", amount(one.costs["latency_ms_p90"], "ms")),
        ("throughput", amount(one.costs["throughput_img_s"], "images/s")),
        ("peak memory", amount(one.costs["peak_memory_mb"], "MB")),
        ("mIoU around its trend, end of training", f"{calm.spread:.2f} points" if calm else MISSING),
        ("deepest fall of mIoU, end of training", f"{calm.drawdown:.2f} points" if calm else MISSING),
        ("training speed", amount(float(speeds.mean()) if len(speeds) else None, "steps/s")),
    )


def _seed_scores(one: "Finalist") -> list[tuple[int, str]]:
    return [(test.seed, score(score_estimate([test]).value)) for test in one.evaluations]


def _classes(results: "SearchResults", one: "Finalist") -> list[ClassScore]:
    entries = class_entries(results.settings)
    scores = []
    for index in range(one.evaluations[0].confusion.shape[-1]):
        estimate = score_estimate(one.evaluations, class_index=index)
        if not np.isfinite(estimate.value):
            continue
        name, colour = entries[index] if index < len(entries) else (f"class {index}", NEUTRAL)
        low, high = (
            (estimate.value, estimate.value)
            if estimate.low is None or estimate.high is None
            else (max(0.0, estimate.low), min(1.0, estimate.high))
        )
        scores.append(
            ClassScore(
                name=name,
                colour=colour,
                iou=with_interval(estimate),
                width=round(100 * estimate.value, 1),
                left=round(100 * low, 1),
                span=round(100 * (high - low), 1),
            )
        )
    return scores
