from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaces.errors import InputError
from tests.trainables.data.folder_builder import CLASSES
from trainables.data import split as split_module
from trainables.data.dataset import ClassMapping, ImageRecord
from trainables.data.opening import split_hash
from trainables.data.records import RecordTable
from trainables.data.split import (
    PARTS,
    Split,
    SplitBy,
    absent_classes,
    few_units_warning,
    split_dataset,
    units_of,
)


@dataclass
class CountedDataset:
    """A data set without pixels: names and class counts are all that a split sees."""

    records: RecordTable
    counts: dict[str, tuple[int, ...]]
    classes: ClassMapping = CLASSES
    fingerprint: str = ""
    description: str = "counted"

    def read_image(self, record: ImageRecord) -> NDArray[np.uint8]:
        raise AssertionError(f"a split read the image {record.name}")

    def read_mask(self, record: ImageRecord) -> NDArray[np.uint8]:
        raise AssertionError(f"a split read the mask {record.name}")

    def class_counts(self, record: ImageRecord) -> NDArray[np.int64]:
        raise AssertionError(f"a split counted the single image {record.name}")

    def class_count_table(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        counts = [self.counts[record.name] for record in self.records.take(positions)]
        return np.array(counts, dtype=np.int64).reshape(-1, len(CLASSES.names))


def counted(images: Sequence[tuple[str, str, tuple[int, ...] | None]]) -> CountedDataset:
    """A data set of (capture, stem, class counts or None for unlabelled)."""
    records = RecordTable.from_records(
        ImageRecord(f"{c}/{s}", f"{c}/{s.partition('_patch_')[0]}", c, None, None, 8, 8, counts is not None)
        for c, s, counts in images
    )
    return CountedDataset(records, {f"{c}/{s}": counts for c, s, counts in images if counts is not None})


def names_in(dataset: CountedDataset, split: Split, part: str) -> list[str]:
    return dataset.records.take(getattr(split, part)).names.to_list()


@st.composite
def data_sets(draw: st.DrawFn) -> CountedDataset:
    captures = draw(st.integers(1, 9))
    images: list[tuple[str, str, tuple[int, ...] | None]] = []
    for capture in range(captures):
        for photo in range(draw(st.integers(1, 4))):
            for patch in range(draw(st.integers(1, 3))):
                count = st.tuples(*[st.integers(0, 5000) for _ in CLASSES.names])
                images.append((f"c{capture}", f"p{photo}_patch_000_{patch:03d}", draw(st.none() | count)))
    return counted(images)


def units(dataset: CountedDataset, names: Sequence[str], by: str) -> set[str]:
    chosen = [record for record in dataset.records if record.name in set(names)]
    return {record.photo if by == "photo" else record.capture for record in chosen}


@settings(deadline=None, derandomize=True)
@given(dataset=data_sets(), by=st.sampled_from(["auto", "photo", "capture"]), seed=st.integers(0, 99), data=st.data())
def test_the_promises_of_every_split(dataset: CountedDataset, by: SplitBy, seed: int, data: st.DataObject) -> None:
    labelled = [record for record in dataset.records if record.labelled]
    captures = {record.capture for record in labelled}
    kind = "photo" if by == "auto" else by
    if by == "auto" and len(captures) >= 6:
        by_capture = split_dataset(dataset, by="capture", seed=seed, candidates=64)
        kind = "capture" if units_of(dataset, by_capture, "test") >= 2 else "photo"
    if len(units(dataset, [record.name for record in labelled], kind)) < 3:
        with pytest.raises(InputError, match=f"by {kind} needs at least 3"):
            split_dataset(dataset, by=by, seed=seed, candidates=64)
        return
    split = split_dataset(dataset, by=by, seed=seed, candidates=64)
    assert split.by == kind

    parts = [names_in(dataset, split, part) for part in PARTS]
    assert all(getattr(split, part).dtype == np.int32 for part in (*PARTS, "unlabelled"))
    assert sorted(name for part in parts for name in part) == sorted(record.name for record in labelled)
    assert all(parts)
    held = [units(dataset, part, kind) for part in parts]
    assert sum(map(len, held)) == len(set.union(*held)), "a unit is in two parts"

    pool = set(names_in(dataset, split, "unlabelled"))
    unlabelled = {record.name for record in dataset.records if not record.labelled}
    evaluated = held[1] | held[2]
    assert pool == {name for name in unlabelled if not units(dataset, [name], kind) & evaluated}

    added = data.draw(st.sampled_from(["a", "c0", "z"]))
    image = ImageRecord(f"{added}/new_patch_000_000", f"{added}/new", added, None, None, 8, 8, labelled=False)
    more = CountedDataset(RecordTable.from_records([*dataset.records, image]), dataset.counts)
    again = split_dataset(more, by=by, seed=seed, candidates=64)
    assert [names_in(more, again, part) for part in PARTS] == parts, "positions matter, not names"


@pytest.mark.parametrize(("captures", "by"), [(7, "photo"), (20, "capture")])
def test_auto_leaves_no_single_capture_to_test_on(captures: int, by: str) -> None:
    dataset = counted([(f"c{capture}", f"p{photo}", (9, 9, 9, 9)) for capture in range(captures) for photo in range(3)])
    split = split_dataset(dataset, by="auto", seed=0)
    assert split.by == by
    assert units_of(dataset, split, "test") > 1


def test_a_test_part_of_few_units_is_warned_of() -> None:
    dataset = counted([(f"c{capture}", f"p{photo}", (9, 9, 9, 9)) for capture in range(20) for photo in range(3)])
    whole = split_dataset(dataset, by="capture", seed=0)

    def warned(split: Split, captures: int) -> str | None:
        codes = np.flatnonzero(np.isin(dataset.records.capture_codes, range(captures))).astype(np.int32)
        return few_units_warning(dataset, replace(split, test=codes))

    assert "one capture: no interval and no verdict is possible; split by photo" in (warned(whole, 1) or "")
    assert "4 captures: intervals will be wide" in (warned(whole, 4) or "")
    assert warned(whole, 5) is None
    by_photo = split_dataset(dataset, by="photo", seed=0)
    assert few_units_warning(dataset, by_photo) is None
    alone = replace(by_photo, test=by_photo.test[:1])
    assert "one photo: no interval and no verdict is possible; label more photos" in (
        few_units_warning(dataset, alone) or ""
    )


def test_a_class_in_three_photos_is_in_every_part() -> None:
    images = [("c", f"p{i:02d}", (900, 0, 100, 500)) for i in range(47)]
    images += [("c", f"rare{i}", (900, 40, 100, 500)) for i in range(3)]
    dataset = counted(images)
    for seed in range(3):
        split = split_dataset(dataset, by="photo", seed=seed)
        assert absent_classes(dataset, split) == dict.fromkeys(PARTS, ())
        assert [len(getattr(split, part)) for part in PARTS] == pytest.approx([35, 7.5, 7.5], abs=2.5)


def test_a_class_in_one_photo_is_learned() -> None:
    dataset = counted([("c", f"p{i}", (9, 9, 9, 0)) for i in range(9)] + [("c", "only", (9, 0, 0, 9))])
    split = split_dataset(dataset, by="photo", seed=0)
    assert "c/only" in names_in(dataset, split, "train")
    assert absent_classes(dataset, split) == {
        "train": (),
        "validation": ("Snake Fruit",),
        "test": ("Snake Fruit",),
    }


def test_parts_hold_about_their_shares_of_photos_of_unequal_size() -> None:
    generator = np.random.default_rng(0)
    images = [("c", f"p{i:03d}", tuple(generator.integers(0, 40_000, 4).tolist())) for i in range(60)]
    dataset = counted(images)
    split = split_dataset(dataset, by="photo", seed=3)
    pixels = np.array([dataset.class_count_table(getattr(split, part)).sum() for part in PARTS])
    assert pixels / pixels.sum() == pytest.approx([0.7, 0.15, 0.15], abs=0.06)
    everywhere = np.array(list(dataset.counts.values())).sum(axis=0)
    for part in PARTS:
        here = dataset.class_count_table(getattr(split, part)).sum(axis=0)
        assert here / here.sum() == pytest.approx(everywhere / everywhere.sum(), rel=0.15)


def test_the_split_is_the_same_on_every_machine() -> None:
    """A change of these names is a change of every user's split."""
    dataset = counted([("c", f"p{i:02d}", (i * 37 % 50, i * 11 % 30, 20, i * 7 % 13)) for i in range(12)])
    split = split_dataset(dataset, by="photo", seed=1)
    assert names_in(dataset, split, "validation") == ["c/p08", "c/p11"]
    assert names_in(dataset, split, "test") == ["c/p01", "c/p10"]
    assert split_hash(dataset.records, split) == "7358c0e83091aa9b"


def test_the_result_does_not_depend_on_how_many_candidates_are_scored_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = counted([("c", f"p{i:02d}", (i * 37 % 50, i * 11 % 30, 20, i * 7 % 13)) for i in range(12)])
    whole = split_hash(dataset.records, split_dataset(dataset, by="photo", seed=1))
    monkeypatch.setattr(split_module, "_VALUES_AT_ONCE", 100)
    assert split_hash(dataset.records, split_dataset(dataset, by="photo", seed=1)) == whole


def test_the_hash_tells_parts_and_names_apart() -> None:
    dataset = counted([("c", f"p{i}", (1, 1, 1, 1)) for i in range(5)])
    other = counted([("c", f"q{i}", (1, 1, 1, 1)) for i in range(5)])
    part = [np.array(members, dtype=np.int32) for members in ([0, 1], [2], [3], [4])]
    split = Split("photo", *part)
    hashes = {
        split_hash(dataset.records, split),
        split_hash(other.records, split),
        split_hash(dataset.records, replace(split, by="capture")),
        split_hash(dataset.records, replace(split, train=part[0][:1], validation=np.array([1, 2], dtype=np.int32))),
    }
    assert len(hashes) == 4


def test_seeds_choose_other_splits() -> None:
    dataset = counted([("c", f"p{i:02d}", (i, 20, 30, 40)) for i in range(30)])
    assert len({tuple(split_dataset(dataset, by="photo", seed=seed).test) for seed in range(5)}) > 1


def test_photos_without_any_known_pixel_are_split_too() -> None:
    dataset = counted([("c", f"p{i}", (0, 0, 0, 0)) for i in range(5)])
    split = split_dataset(dataset, by="photo", seed=0)
    assert len(split.train) + len(split.validation) + len(split.test) == 5


@pytest.mark.parametrize("shares", [(0.7, 0.3, 0.0), (0.5, 0.2, 0.2)])
def test_shares_must_be_shares(shares: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="must be positive and add up to 1"):
        split_dataset(counted([]), by="photo", seed=0, shares=shares)


def test_too_few_captures_say_what_to_do() -> None:
    dataset = counted([(f"c{i % 2}", f"p{i}", (1, 1, 1, 1)) for i in range(6)])
    with pytest.raises(InputError, match=r"2 labelled captures; .* needs at least 3: use --split-by photo"):
        split_dataset(dataset, by="capture", seed=0)
