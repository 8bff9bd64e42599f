from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config
from trainables.compute.precision import ComputeLayout
from trainables.data.sampling import resize_image, scaled_size
from trainables.data.validation_cells import Cell, grid_cells
from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.sliding_window import most_probable, predicted_blocks
from trainables.evaluation.window_spans import window_spans
from trainables.evaluation.windows import WantedImage

PLAIN = ComputeLayout("float32", channels_last=False)
SIZE = 32
CLASSES = 4


class PlaceReader(SmallModel):
    """Answers by colour and by place in the window: neighbours that saw a pixel elsewhere disagree about it."""

    inputs = 0
    calls = 0

    def probabilities(self, images: Tensor) -> Tensor:
        self.inputs += len(images)
        self.calls += 1
        side = torch.linspace(-1, 1, images.shape[-1])
        down, across = torch.meshgrid(side, side, indexing="ij")
        place = torch.stack((down, across, down * across, -down * across))
        colours = torch.stack((images[:, 0], images[:, 1], images[:, 2], images.mean(1)), dim=1)
        return (3 * colours + 2 * place).softmax(1)


def place_reader(config: TrialConfig) -> PlaceReader:
    return PlaceReader(config, classes=CLASSES).eval()


def image(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def predict(
    pixels: NDArray[np.uint8],
    pieces: Sequence[Cell] | None = None,
    *,
    model: SmallModel | None = None,
    image_scale: float = 1.0,
    **settings: Any,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Classes, confidences, and how often each pixel was answered for."""
    height, width = pixels.shape[:2]
    config = small_config(crop_size=SIZE, image_scale=image_scale)
    scaled = pixels if image_scale == 1.0 else resize_image(pixels, *scaled_size(height, width, image_scale))
    wanted = WantedImage(height, width, pieces or [Cell(0, height, 0, width)], lambda: scaled)
    classes = np.full((height, width), 255, np.uint8)
    confidence, times = np.zeros((height, width), np.float32), np.zeros((height, width), np.int64)
    for blocks in predicted_blocks(
        model or place_reader(config), config, [wanted], settings=EvaluationSettings(**settings), layout=PLAIN
    ):
        for block in blocks:
            assert block.cell.intersection(block.piece) == block.cell
            place = (slice(block.cell.top, block.cell.bottom), slice(block.cell.left, block.cell.right))
            classes[place], confidence[place] = block.classes.numpy(), block.confidence.numpy()
            times[place] += 1
    return classes, confidence, times


@pytest.mark.parametrize("overlap", [-0.1, 0.76, float("nan"), float("inf")])
def test_an_overlap_without_a_grid_is_refused(overlap: float) -> None:
    with pytest.raises(InputError, match="overlap"):
        EvaluationSettings(overlap=overlap)


@pytest.mark.parametrize("overlap", [0.25, 0.5, 0.7])
@pytest.mark.parametrize(("height", "width"), [(80, 100), (32, 65), (20, 90), (16, 16)])
def test_blending_is_the_weighted_mean_of_all_windows(overlap: float, height: int, width: int) -> None:
    """Against the sums over the whole image, window by window, in double precision."""
    pixels = image(height, width)
    config = small_config(crop_size=SIZE)
    model = place_reader(config)
    sums = np.zeros((CLASSES, height, width))
    for row in window_spans(height, height, SIZE, overlap):
        for column in window_spans(width, width, SIZE, overlap):
            place = (slice(row.start, row.start + SIZE), slice(column.start, column.start + SIZE))
            cut = np.full((SIZE, SIZE, 3), (124, 116, 104), np.uint8)
            seen = pixels[place]
            cut[: seen.shape[0], : seen.shape[1]] = seen
            tensor = torch.from_numpy(cut).permute(2, 0, 1).float() / 255
            mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            answer = model.probabilities(((tensor - mean[:, None, None]) / std[:, None, None])[None])[0]
            inside = answer[:, : seen.shape[0], : seen.shape[1]].double().numpy()
            sums[:, place[0], place[1]] += inside * np.outer(row.weights, column.weights)
    classes, confidence, times = predict(pixels, overlap=overlap)
    assert (times == 1).all()
    assert sums.sum(axis=0) == pytest.approx(1.0, abs=1e-5)
    assert confidence == pytest.approx(sums.max(axis=0), abs=1e-5)
    sure = np.sort(sums, axis=0)[-1] - np.sort(sums, axis=0)[-2] > 1e-4
    assert sure.mean() > 0.9
    assert (classes == sums.argmax(axis=0))[sure].all()


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("image_scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("rows_and_columns", [(1, 2), (3, 1), (4, 5)])
def test_parts_of_an_image_agree_with_the_whole(
    overlap: float, image_scale: float, rows_and_columns: tuple[int, int]
) -> None:
    """Windows belong to the image, not to the piece, so it does not matter in which pieces it is asked for."""
    pixels = image(90, 110)
    whole = predict(pixels, overlap=overlap, image_scale=image_scale)
    parts = predict(pixels, grid_cells(90, 110, *rows_and_columns), overlap=overlap, image_scale=image_scale)
    assert (whole[2] == 1).all()
    assert (parts[2] == 1).all()
    assert (whole[0] == parts[0]).all()
    assert parts[1] == pytest.approx(whole[1], abs=1e-6)


def test_overlap_removes_seams() -> None:
    """On an even image all change comes from the windows: at a seam it is a jump, blended it is gradual."""
    even = np.full((128, 128, 3), 120, np.uint8)

    def largest_jump(**settings: Any) -> float:
        confidence = predict(even, **settings)[1]
        return max(float(np.abs(np.diff(confidence, axis=axis)).max()) for axis in (0, 1))

    assert largest_jump(overlap=0.5) < 0.3 * largest_jump()


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_only_windows_that_touch_a_piece_are_computed(overlap: float) -> None:
    config = small_config(crop_size=SIZE)
    counts = []
    for piece in (Cell(0, 128, 0, 128), Cell(70, 90, 5, 12)):
        model = place_reader(config)
        times = predict(image(128, 128), [piece], model=model, overlap=overlap)[2]
        counts.append(model.inputs)
        assert (times[piece.top : piece.bottom, piece.left : piece.right] == 1).all()
        assert times.sum() == (piece.bottom - piece.top) * (piece.right - piece.left)
    # Without overlap one share of 32 px holds the piece; with it rows 48 to 95 and columns from 0 on do.
    assert counts == ([16, 1] if overlap == 0 else [49, 3])


def test_rows_are_handed_out_before_the_image_is_done() -> None:
    """What is held does not grow with the image's height."""
    pixels = image(20 * SIZE, 4 * SIZE)
    config = small_config(crop_size=SIZE)
    model = place_reader(config)
    wanted = WantedImage(*pixels.shape[:2], [Cell(0, pixels.shape[0], 0, pixels.shape[1])], lambda: pixels)
    bottoms, calls = [], []
    for blocks in predicted_blocks(model, config, [wanted], settings=EvaluationSettings(overlap=0.5), layout=PLAIN):
        bottoms.append(blocks[-1].cell.bottom)
        calls.append(model.calls)
    # 39 rows of 7 windows, each row 16 px below the last one; 16 windows a batch.
    assert bottoms[:-1] == [(16 * call // 7) * SIZE // 2 for call in calls[:-1]]
    assert bottoms[-1] == pixels.shape[0]
    assert calls == list(range(1, 19))


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_test_time_augmentation_is_the_mean_over_the_mirrored_images(overlap: float) -> None:
    """Predicted together, or each mirror image by itself: the windows of 64 px lie alike in all of them."""
    pixels = image(64, 64)

    class Keeper(PlaceReader):
        """Probabilities of the first class become the confidence, so that they can be averaged here."""

        def probabilities(self, images: Tensor) -> Tensor:
            first = 0.6 + 0.4 * super().probabilities(images)[:, :1]
            return torch.cat((first, (1 - first) / 3, (1 - first) / 3, (1 - first) / 3), dim=1)

    config = small_config(crop_size=SIZE)
    model = Keeper(config, classes=CLASSES).eval()
    together = predict(pixels, model=model, overlap=overlap, test_time_augmentation=True)[1]
    alone = []
    for axes in ((), (0,), (1,), (0, 1)):
        mirrored = np.ascontiguousarray(np.flip(pixels, axes))
        alone.append(np.flip(predict(mirrored, model=model, overlap=overlap)[1], axes))
    assert together == pytest.approx(np.mean(alone, axis=0), abs=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.05


@given(seed=st.integers(0, 1000), ties=st.booleans())
def test_most_probable_is_the_first_of_the_greatest(seed: int, ties: bool) -> None:
    values = np.random.default_rng(seed).integers(0, 4 if ties else 1000, (2, 7, 5, 6)).astype(np.float32)
    confidence, classes = most_probable(torch.from_numpy(values))
    assert (classes.numpy() == values.argmax(axis=1)).all()
    assert (confidence.numpy() == values.max(axis=1)).all()
    assert classes.dtype == torch.uint8
