"""Splitting a data set into train, validation and test, by source photo or by capture, never by patch."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.dataset import Dataset
from trainables.data.records import RecordTable

SplitBy = Literal["auto", "photo", "capture"]
PARTS = ("train", "validation", "test")

CAPTURES_FOR_AUTO = 6
"""`auto` splits by capture from this many labelled captures on, and by photo below."""

FEWEST_TEST_CAPTURES = 2
"""`auto` splits by photo where the test part would have fewer captures: one alone gives no interval."""

FEW_CAPTURES = 5
"""From fewer captures how much captures differ is hardly known."""

CANDIDATES = 4096
"""Orders that are drawn, of which the best is taken: enough to place a few classes that three photos hold."""

SIZE_TOLERANCE = 100_000
"""Millionths. Assignments whose parts miss their sizes by as many of these steps count as equally large."""

_MILLION = 1_000_000
_VALUES_AT_ONCE = 1 << 18
"""Candidates are scored together as long as their table of units and classes has no more values than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Which image belongs to which part; all are positions in the data set's records, ascending, int32.

    Attributes:
        by: "photo" or "capture": what was kept together.
        train: Labelled images to learn from.
        validation: Labelled images that choose configurations.
        test: Labelled images for the verdict.
        unlabelled: Images without label that share no photo (no capture) with validation or test.
        seed: What it was drawn from; None where it was not drawn.
    """

    by: str
    train: NDArray[np.int32]
    validation: NDArray[np.int32]
    test: NDArray[np.int32]
    unlabelled: NDArray[np.int32]
    seed: int | None = None


def split_dataset(
    dataset: Dataset,
    *,
    by: SplitBy,
    seed: int,
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    candidates: int = CANDIDATES,
) -> Split:
    """Split the labelled images into train, validation and test, and choose the unlabelled ones to use.

    Units, whole source photos or whole captures, are assigned to the parts. A unit's size is the mean of its
    share of the labelled pixels and its share of the units: parts should hold many pixels, and many places.
    `candidates` orders of the units are drawn by hashing the seed with their names; in each, the first ones
    become the test part, the next ones validation and the rest train, cut where the sizes come nearest to the
    shares. The best candidate has, in this order:

    1. the fewest classes absent from train,
    2. the fewest classes absent from validation or test,
    3. the sizes nearest to the shares, in steps of `SIZE_TOLERANCE`,
    4. the class shares of each part nearest to those of all, relative to them, so that a rare class counts as
       much as a frequent one.

    The result depends on names, class counts and the arguments alone and is computed in integers: it is the
    same on every machine. With few units all seeds may find the same best.

    Args:
        dataset: What to split.
        by: "photo" keeps the images of a source photo together, "capture" those of a capture. "auto" is
            "capture" if at least `CAPTURES_FOR_AUTO` (6) captures have labelled images and at least
            `FEWEST_TEST_CAPTURES` (2) of them are in the test part, else "photo".
        seed: Chooses among splits.
        shares: Sizes wanted for train, validation and test; they add up to 1.
        candidates: Orders to draw; another number may find another split.

    Raises:
        InputError: There are fewer than 3 labelled photos (captures), or the shares are none.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"shares of the split: {shares}; they must be positive and add up to 1")
    records = dataset.records
    labelled = records.labelled_positions()
    kind = _resolve(by, records.take(labelled))
    names, codes = (
        (records.photos, records.photo_codes) if kind == "photo" else (records.captures, records.capture_codes)
    )
    units, unit_of = np.unique(codes[labelled], return_inverse=True)
    if len(units) < len(PARTS):
        remedy = "label more photos" if kind == "photo" else "use --split-by photo or label more captures"
        raise InputError(
            f"{dataset.description}: {len(units)} labelled {kind}{'' if len(units) == 1 else 's'}; a split "
            f"into {', '.join(PARTS)} by {kind} needs at least {len(PARTS)}: {remedy}"
        )
    by_class = np.zeros((len(units), len(dataset.classes.names)), dtype=np.int64)
    np.add.at(by_class, unit_of, dataset.class_count_table(labelled))
    part_of_unit = _best_assignment([names[code] for code in units], by_class, seed, shares, candidates)
    part_of_labelled = part_of_unit[unit_of]
    # Units without any label are learned from; the others' unlabelled images are where their labelled ones are.
    part_of_code = np.full(len(names), PARTS.index("train"))
    part_of_code[units] = part_of_unit
    if by == "auto" and kind == "capture" and (part_of_unit == PARTS.index("test")).sum() < FEWEST_TEST_CAPTURES:
        return split_dataset(dataset, by="photo", seed=seed, shares=shares, candidates=candidates)
    train, validation, test = (labelled[part_of_labelled == part] for part in range(len(PARTS)))
    unlabelled = np.flatnonzero(~records.labelled & (part_of_code[codes] == PARTS.index("train"))).astype(np.int32)
    return Split(by=kind, train=train, validation=validation, test=test, unlabelled=unlabelled, seed=seed)


def absent_classes(dataset: Dataset, split: Split) -> dict[str, tuple[str, ...]]:
    """Names of the classes that the data hold but a part of the split does not, by part."""
    held = np.array([dataset.class_count_table(getattr(split, part)).sum(axis=0) for part in PARTS])
    absent = (held == 0) & (held.sum(axis=0) > 0)
    return {
        part: tuple(name for name, is_absent in zip(dataset.classes.names, row, strict=True) if is_absent)
        for part, row in zip(PARTS, absent, strict=True)
    }


def units_of(dataset: Dataset, split: Split, part: str) -> int:
    """Number of photos, or of captures where the split is by capture, in one of `PARTS`."""
    records = dataset.records
    codes = records.photo_codes if split.by == "photo" else records.capture_codes
    return len(np.unique(codes[getattr(split, part)]))


def few_units_warning(dataset: Dataset, split: Split) -> str | None:
    """What a test part of few photos or captures means for a verdict, in a line; None where there are enough."""
    count = units_of(dataset, split, "test")
    if count == 1:
        remedy = "split by photo (--split-by photo)" if split.by == "capture" else "label more photos"
        return f"the test part is one {split.by}: no interval and no verdict is possible; {remedy}"
    if split.by == "capture" and count < FEW_CAPTURES:
        return (
            f"the test part is {count} captures: intervals will be wide; --split-by photo makes them narrower, but "
            "speaks of places that were trained on"
        )
    return None


def _resolve(by: SplitBy, labelled: RecordTable) -> Literal["photo", "capture"]:
    if by == "auto":
        return "capture" if len(np.unique(labelled.capture_codes)) >= CAPTURES_FOR_AUTO else "photo"
    if by not in ("photo", "capture"):
        raise InputError(f"--split-by {by}: it must be auto, photo or capture")
    return by


def _best_assignment(
    units: Sequence[str],
    by_class: NDArray[np.int64],
    seed: int,
    shares: tuple[float, float, float],
    candidates: int,
) -> NDArray[np.int64]:
    """Index in `PARTS` of each unit, (U,); units ascend by name and hold `by_class`, (U, C), pixels."""
    pixels = by_class.sum(axis=1)
    sizes = (pixels * _MILLION // max(int(pixels.sum()), 1) + _MILLION // len(units)) // 2
    wanted = [round(share * _MILLION) for share in shares]
    keys = np.array([_hash64(f"{seed}\0{unit}") for unit in units], dtype=np.uint64)
    at_once = max(1, _VALUES_AT_ONCE // by_class.size)
    best: tuple[int, ...] | None = None
    best_parts = np.zeros(len(units), dtype=np.int64)
    for first in range(0, candidates, at_once):
        orders = np.argsort(_mix(keys, range(first, min(first + at_once, candidates))), axis=1, kind="stable")
        test_ends, validation_ends = _cuts(orders, sizes, wanted)
        scores = _scores(orders, (test_ends, validation_ends), by_class, sizes, wanted)
        # Of equal ones the first: lexsort is stable, and its last key counts most.
        chosen = int(np.lexsort(scores.T[::-1])[0])
        score = tuple(scores[chosen].tolist())
        if best is None or score < best:
            best = score
            order, test_end, validation_end = orders[chosen], test_ends[chosen], validation_ends[chosen]
            best_parts = np.zeros(len(units), dtype=np.int64)
            best_parts[order[:test_end]] = PARTS.index("test")
            best_parts[order[test_end:validation_end]] = PARTS.index("validation")
    return best_parts


def _cuts(
    orders: NDArray[np.intp], sizes: NDArray[np.int64], wanted: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each order of units, (K, U), is cut into test, validation and train, each of at least one unit.

    Returns:
        The ends of the test part and of the validation part, (K,) each.
    """
    reached = np.cumsum(sizes[orders], axis=1)
    _, validation_size, test_size = wanted
    test_ends = np.abs(reached[:, :-2] - test_size).argmin(axis=1) + 1
    targets = np.take_along_axis(reached, test_ends[:, None] - 1, axis=1) + validation_size
    distances = np.abs(reached[:, :-1] - targets)
    distances[np.arange(distances.shape[1]) < test_ends[:, None]] = np.iinfo(np.int64).max
    return test_ends, distances.argmin(axis=1) + 1


def _scores(
    orders: NDArray[np.intp],
    ends: tuple[NDArray[np.intp], NDArray[np.intp]],
    by_class: NDArray[np.int64],
    sizes: NDArray[np.int64],
    wanted: Sequence[int],
) -> NDArray[np.int64]:
    """The smaller the better, the first column counting most, (K, 5); see `split_dataset`. Shares in millionths."""
    rows, (test_ends, validation_ends) = np.arange(len(orders)), ends
    per_unit = np.concatenate([by_class, sizes[:, None]], axis=1)
    reached = np.cumsum(per_unit[orders], axis=1)
    at_test, at_validation = reached[rows, test_ends - 1], reached[rows, validation_ends - 1]
    parts = np.stack([reached[:, -1] - at_validation, at_validation - at_test, at_test], axis=1)
    held, part_sizes = parts[:, :, :-1], parts[:, :, -1]
    totals = by_class.sum(axis=0)
    held, totals = held[:, :, totals > 0], totals[totals > 0]
    absent = (held == 0).sum(axis=2)
    size_deviation = np.abs(part_sizes - np.array(wanted)).sum(axis=1)
    class_shares = held * _MILLION // np.maximum(held.sum(axis=2, keepdims=True), 1)
    all_shares = np.maximum(totals * _MILLION // max(int(totals.sum()), 1), 1)
    # Capped: a rare class that fills one photo would otherwise outweigh all others.
    class_deviation = np.minimum(np.abs(class_shares - all_shares) * _MILLION // all_shares, _MILLION)
    return np.stack(
        [
            absent[:, 0],
            absent[:, 1:].sum(axis=1),
            size_deviation // SIZE_TOLERANCE,
            class_deviation.sum(axis=(1, 2)),
            size_deviation,
        ],
        axis=1,
    )


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8], "big")


def _mix(keys: NDArray[np.uint64], candidates: range) -> NDArray[np.uint64]:
    """Other values for every candidate, (K, U): the finaliser of splitmix64 over key + candidate, modulo 2**64.

    Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
    """
    steps = np.array([(candidate + 1) * 0x9E3779B97F4A7C15 % 2**64 for candidate in candidates], dtype=np.uint64)
    mixed = keys + steps[:, None]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
