"""Splitting a data set into train, validation and test, by source photo or by capture, never by patch."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InputError
from trainables.data.dataset import Dataset, ImageRecord

SplitBy = Literal["auto", "photo", "capture"]
PARTS = ("train", "validation", "test")

CAPTURES_FOR_AUTO = 6
"""`auto` splits by capture from this many labelled captures on, and by photo below."""

CANDIDATES = 4096
"""Orders that are drawn, of which the best is taken: enough to place a few classes that three photos hold."""

SIZE_TOLERANCE = 100_000
"""Millionths. Assignments whose parts miss their sizes by as many of these steps count as equally large."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Split:
    """Which image belongs to which part; all are names of records, sorted.

    Attributes:
        by: "photo" or "capture": what was kept together.
        train: Labelled images to learn from.
        validation: Labelled images that choose configurations.
        test: Labelled images for the verdict.
        unlabelled: Images without label that share no photo (no capture) with validation or test.
    """

    by: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...]

    def to_json(self) -> str:
        """The split as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Split":
        """The split that `to_json` wrote.

        Raises:
            InputError: The text is not what `to_json` writes.
        """
        try:
            fields = json.loads(text)
            names = {part: tuple(map(str, fields[part])) for part in (*PARTS, "unlabelled")}
            return cls(by=str(fields["by"]), **names)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"split: not a split written by this program ({error!r})") from error


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
            "capture" if at least `CAPTURES_FOR_AUTO` (6) captures have labelled images, else "photo".
        seed: Chooses among splits.
        shares: Sizes wanted for train, validation and test; they add up to 1.
        candidates: Orders to draw; another number may find another split.

    Raises:
        InputError: There are fewer than 3 labelled photos (captures), or the shares are none.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"shares of the split: {shares}; they must be positive and add up to 1")
    labelled = sorted((record for record in dataset.records if record.labelled), key=lambda record: record.name)
    kind = _resolve(by, labelled)
    counts: dict[str, NDArray[np.int64]] = {}
    for record in labelled:
        counts[_unit(record, kind)] = counts.get(_unit(record, kind), np.int64(0)) + dataset.class_counts(record)
    if len(counts) < len(PARTS):
        remedy = "label more photos" if kind == "photo" else "use --split-by photo or label more captures"
        raise InputError(
            f"{dataset.description}: {len(counts)} labelled {kind}{'' if len(counts) == 1 else 's'}; a split "
            f"into {', '.join(PARTS)} by {kind} needs at least {len(PARTS)}: {remedy}"
        )
    part_of = _best_assignment(counts, seed, shares, candidates)
    names: dict[str, list[str]] = {part: [] for part in PARTS}
    for record in labelled:
        names[part_of[_unit(record, kind)]].append(record.name)
    return Split(
        by=kind,
        train=tuple(names["train"]),
        validation=tuple(names["validation"]),
        test=tuple(names["test"]),
        unlabelled=tuple(
            sorted(
                record.name
                for record in dataset.records
                if not record.labelled and part_of.get(_unit(record, kind), "train") == "train"
            )
        ),
    )


def absent_classes(dataset: Dataset, split: Split) -> dict[str, tuple[str, ...]]:
    """Names of the classes that the data hold but a part of the split does not, by part."""
    records = {record.name: record for record in dataset.records}
    held = np.zeros((len(PARTS), len(dataset.classes.names)), dtype=np.int64)
    for row, part in enumerate(PARTS):
        for name in getattr(split, part):
            held[row] += dataset.class_counts(records[name])
    absent = (held == 0) & (held.sum(axis=0) > 0)
    return {
        part: tuple(name for name, is_absent in zip(dataset.classes.names, row, strict=True) if is_absent)
        for part, row in zip(PARTS, absent, strict=True)
    }


def _resolve(by: SplitBy, labelled: Sequence[ImageRecord]) -> Literal["photo", "capture"]:
    if by == "auto":
        return "capture" if len({record.capture for record in labelled}) >= CAPTURES_FOR_AUTO else "photo"
    if by not in ("photo", "capture"):
        raise InputError(f"--split-by {by}: it must be auto, photo or capture")
    return by


def _unit(record: ImageRecord, kind: Literal["photo", "capture"]) -> str:
    return record.photo if kind == "photo" else record.capture


def _best_assignment(
    counts: Mapping[str, NDArray[np.int64]], seed: int, shares: tuple[float, float, float], candidates: int
) -> dict[str, str]:
    units = sorted(counts)
    by_class = np.array([counts[unit] for unit in units], dtype=np.int64)
    pixels = by_class.sum(axis=1)
    sizes = (pixels * _MILLION // max(int(pixels.sum()), 1) + _MILLION // len(units)) // 2
    wanted = [round(share * _MILLION) for share in shares]
    keys = np.array([_hash64(f"{seed}\0{unit}") for unit in units], dtype=np.uint64)
    best: tuple[int, ...] | None = None
    best_parts: list[NDArray[np.intp]] = []
    for candidate in range(candidates):
        order = np.argsort(_mix(keys, candidate), kind="stable")
        parts = _cut(order, sizes, wanted)
        score = _score(parts, by_class, sizes, wanted)
        if best is None or score < best:
            best, best_parts = score, parts
    return {units[index]: part for part, members in zip(PARTS, best_parts, strict=True) for index in members}


def _cut(order: NDArray[np.intp], sizes: NDArray[np.int64], wanted: Sequence[int]) -> list[NDArray[np.intp]]:
    """Cut an order of units into train, validation and test, each of at least one unit."""
    reached = np.cumsum(sizes[order])
    _, validation_size, test_size = wanted
    test_end = _nearest(reached[:-2], test_size) + 1
    validation_end = test_end + _nearest(reached[test_end:-1], int(reached[test_end - 1]) + validation_size) + 1
    return [order[validation_end:], order[test_end:validation_end], order[:test_end]]


def _nearest(values: NDArray[np.int64], target: int) -> int:
    return int(np.argmin(np.abs(values - target)))


def _score(
    parts: Sequence[NDArray[np.intp]],
    by_class: NDArray[np.int64],
    sizes: NDArray[np.int64],
    wanted: Sequence[int],
) -> tuple[int, ...]:
    """The smaller the better; see `split_dataset`. All integers, shares in millionths."""
    held = np.array([by_class[members].sum(axis=0) for members in parts])
    totals = held.sum(axis=0)
    held, totals = held[:, totals > 0], totals[totals > 0]
    absent = (held == 0).sum(axis=1)
    size_deviation = sum(abs(int(sizes[members].sum()) - size) for members, size in zip(parts, wanted, strict=True))
    class_shares = held * _MILLION // np.maximum(held.sum(axis=1, keepdims=True), 1)
    all_shares = np.maximum(totals * _MILLION // max(int(totals.sum()), 1), 1)
    # Capped: a rare class that fills one photo would otherwise outweigh all others.
    class_deviation = int(np.minimum(np.abs(class_shares - all_shares) * _MILLION // all_shares, _MILLION).sum())
    return (
        int(absent[0]),
        int(absent[1:].sum()),
        size_deviation // SIZE_TOLERANCE,
        class_deviation,
        size_deviation,
    )


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8], "big")


def _mix(keys: NDArray[np.uint64], candidate: int) -> NDArray[np.uint64]:
    """Another order for every candidate: the finaliser of splitmix64 over key + candidate, modulo 2**64.

    Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
    """
    mixed = keys + np.uint64((candidate + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
