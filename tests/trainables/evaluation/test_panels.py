import io

import numpy as np
import torch
from PIL import Image

from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import CLASSES, small_config, small_data
from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.panels import (
    ERROR_COLOUR,
    GAP,
    IGNORED_COLOUR,
    coloured,
    prediction_panels,
    typical_and_worst,
)


def test_image_truth_and_prediction_side_by_side() -> None:
    torch.manual_seed(0)
    config, data = small_config(crop_size=32), small_data()
    panels = prediction_panels(SmallModel(config, classes=4).eval(), config, data, 5)
    names = [name for name, _ in panels]
    assert names == [f"{record.name} at row 0, column 0" for record in data.records("validation")]
    for record, (_, png) in zip(data.records("validation"), panels, strict=True):
        picture = np.asarray(Image.open(io.BytesIO(png)))
        assert picture.shape == (record.height, 3 * record.width + 2 * GAP, 3)
        parts = [picture[:, i * (record.width + GAP) :][:, : record.width] for i in range(3)]
        assert (parts[0] == data.image(record)).all()
        assert (parts[1] == coloured(data.mask(record), CLASSES)).all()
        predicted = {tuple(colour) for colour in parts[2].reshape(-1, 3).tolist()}
        assert predicted <= set(CLASSES.colours)


def test_colours() -> None:
    picture = coloured(np.array([[0, 1, IGNORE_INDEX]], np.uint8), CLASSES)
    assert picture.tolist() == [[list(CLASSES.colours[0]), list(CLASSES.colours[1]), list(IGNORED_COLOUR)]]


def test_the_worst_windows_are_those_with_the_lowest_miou() -> None:
    torch.manual_seed(0)
    config, data = small_config(crop_size=32), small_data()
    model = SmallModel(config, classes=4).eval()
    every = typical_and_worst(model, config, data, typical=0, worst=99)
    assert {case.name for case in every} == {f"{record.name} at row 0, column 0" for record in data.records("test")}
    assert [case.miou for case in every] == sorted(case.miou for case in every)
    typical, worst = typical_and_worst(model, config, data, typical=1, worst=1)
    assert (typical.kind, worst.kind) == ("typical", "worst")
    assert (worst.name, worst.miou) == (every[0].name, every[0].miou)
    assert typical.name != worst.name
    assert {typical.of, worst.of} == {len(every)}


def test_errors_are_marked_where_the_prediction_is_wrong() -> None:
    torch.manual_seed(0)
    config, data = small_config(crop_size=32), small_data()
    (case,) = typical_and_worst(SmallModel(config, classes=4).eval(), config, data, typical=0, worst=1)
    picture = np.asarray(Image.open(io.BytesIO(case.png)))
    record = next(record for record in data.records("test") if case.name.startswith(record.name))
    truth, predicted, errors = (picture[:, i * (record.width + GAP) :][:, : record.width] for i in (1, 2, 3))
    known = data.mask(record) != IGNORE_INDEX
    wrong = known & (truth != predicted).any(axis=2)
    assert wrong.any()
    assert ((errors == ERROR_COLOUR).all(axis=2) == wrong).all()
