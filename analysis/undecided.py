"""What would decide a comparison that is undecided: more seeds, more photos, or the user's deployment."""

from collections.abc import Sequence

from analysis.comparison import MOST_SEEDS, Estimate, half_width, seeds_to_decide

ADVISED_SEEDS = 3
"""What to run where one seed gives no interval; two would give one, but a very wide one."""


SETTLE_BROKEN_RUNS = (
    "Settling the runs that broke: repair what ended them (too little memory, a fault of the data) and run these seeds"
    " again, or search without the settings that diverge."
)
"""What would help where a finalist's runs broke; a sentence."""


def what_would_decide(difference: Estimate, lower: float, upper: float, confidence: float, unit: str = "photo") -> str:
    """Advice for a difference that is not surely under `lower` nor over `upper`, both in points of mIoU.

    `unit` is what a group of the test part is: "photo" or "capture".
    """
    points = 100 * difference.value
    known = difference.seed_variance is not None and difference.group_variance is not None
    if known and lower <= points <= upper:
        return (
            f"The deployment, if the difference is as seen: between {lower:g} and {upper:g} points, edge takes the"
            " lightest that fits and server the more accurate (--deployment edge or --deployment server)."
            f"{_what_would_narrow(difference, lower, upper, unit)}"
        )
    return more_seeds(difference, lower - points if points < lower else points - upper, confidence, unit)


def more_seeds(difference: Estimate, distance_points: float, confidence: float, unit: str = "photo") -> str:
    """How many more seeds would bring the interval's end over the distance from estimate to bound, in points.

    The number supposes that the difference and its spread stay as seen.
    """
    if difference.group_variance is None:
        other = ", or a search with --split-by photo" if unit == "capture" else ""
        return f"More labelled {unit}s in the test part{other}: nothing is known of how {unit}s differ from one alone."
    if difference.seed_variance is None:
        return f"At least {ADVISED_SEEDS} seeds of each finalist."
    needed = seeds_to_decide(difference, distance_points / 100, confidence)
    if needed is not None:
        more = max(needed - difference.seeds, 1)
        return (
            f"About {count_of(more, 'more seed')} of each finalist ({difference.seeds + more} in all), if the"
            " difference and its spread stay as seen."
        )
    # However many seeds: what the choice of the test part leaves uncertain remains.
    floor = 100 * half_width(((difference.group_variance, difference.groups - 1),), confidence)
    if floor >= distance_points > 0:
        return (
            f"More labelled {unit}s in the test part, rather than more seeds: with however many seeds,"
            f" {count_of(difference.groups, unit)} would leave {floor:.2f} points either way."
        )
    return f"Nothing within reach: the difference is so close to the bound that {MOST_SEEDS} seeds would not do."


def between(pairs: Sequence[tuple[str, str]]) -> str:
    """What the comparisons of some pairs lie between: "a, b or c" where each two of them are among the pairs."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    if len(pairs) > 1 and len(pairs) == len(names) * (len(names) - 1) // 2:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return "; ".join(f"{one} or {other}" for one, other in pairs)


def _what_would_narrow(difference: Estimate, lower: float, upper: float, unit: str) -> str:
    """What more would tell whether the difference is as seen, where the interval reaches beyond the bounds."""
    if difference.low is None or difference.high is None or difference.seed_variance is None:
        return ""
    if lower <= 100 * difference.low and 100 * difference.high <= upper:
        return ""
    by_seeds = difference.seed_variance / difference.seeds > (difference.group_variance or 0.0)
    more = "seeds" if by_seeds else f"labelled {unit}s in the test part"
    return f" It may be otherwise, which more {more} would tell first."


def count_of(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it must be."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
