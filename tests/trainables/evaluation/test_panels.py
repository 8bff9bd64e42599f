import io

import numpy as np
import torch
from PIL import Image

from tests.trainables.small_trial import CLASSES, SmallModel, small_config, small_data
from trainables.data.dataset import IGNORE_INDEX
from trainables.evaluation.panels import GAP, IGNORED_COLOUR, coloured, prediction_panels


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
