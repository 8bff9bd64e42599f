import os
from pathlib import Path

import numpy as np
import pytest

from trainables.data.folder import FolderDataset
from trainables.data.split import PARTS, absent_classes, split_dataset

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def dubai(tmp_path_factory: pytest.TempPathFactory) -> FolderDataset:
    folder = os.environ.get("SEGPARETO_DATA")
    if not folder or Path(folder).name != "dubai":
        pytest.skip("SEGPARETO_DATA does not name the dubai folder")
    return FolderDataset.open(Path(folder), cache_dir=tmp_path_factory.mktemp("cache"))


def test_all_images_are_labelled_and_their_class_shares_known(dubai: FolderDataset) -> None:
    assert len(dubai.records) == 72
    assert dubai.records.labelled.all()
    assert len(dubai.records.captures) == 8
    counts = dubai.class_count_table(dubai.records.labelled_positions()).sum(axis=0)
    # Published shares; "unlabeled" (index 0) is told there together with the ignored pixels.
    assert counts[1:] / counts[1:].sum() == pytest.approx(np.array([13.3, 52.4, 9.4, 10.3, 13.6]) / 99, abs=0.002)


def test_nine_masks_hold_black_which_is_no_class(dubai: FolderDataset) -> None:
    strange = {name: found for name, found in dubai.inspected.items() if found.unknown_pixels}
    assert len(strange) == 9
    assert all([value for value, _ in found.unknown_values] == ["0 0 0"] for found in strange.values())
    assert strange["tile8/tile8_003"].ignored_share == pytest.approx(0.17, abs=0.005)
    (warning,) = [w for w in dubai.warnings if w.kind == "unknown colours"]
    assert "; in 9 of " in warning.message


def test_palette_masks_are_read_by_colour(dubai: FolderDataset) -> None:
    """18 masks were shrunken to palettes in orders of their own; by index tile5's water would be elsewhere."""
    mask = dubai.read_mask(dubai.records[dubai.records.position("tile2/tile2_001")])
    assert set(np.unique(mask)) == {1, 2, 3}


def test_auto_splits_by_capture_with_every_class_in_each_part(dubai: FolderDataset) -> None:
    for seed in range(3):
        split = split_dataset(dubai, by="auto", seed=seed)
        assert split.by == "capture"
        assert absent_classes(dubai, split) == dict.fromkeys(PARTS, ())
        captures = [{record.capture for record in dubai.records.take(getattr(split, part))} for part in PARTS]
        assert sum(map(len, captures)) == 8
        assert set.union(*captures) == {f"tile{i}" for i in range(1, 9)}
