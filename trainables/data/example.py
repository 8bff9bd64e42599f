"""`python -m trainables.data example`: a small data set in one folder, to try a data file on."""

from pathlib import Path

import numpy as np
from PIL import Image

from spaces.errors import InputError
from trainables.data.procedural import ProceduralDataset

BUILDING = "Bangunan"


def write_example(folder: Path, *, labelled: int = 16, unlabelled: int = 8, size: int = 256) -> int:
    """Write built-in scenes as NUMBER_sat.jpg, and where the buildings are as NUMBER_mask.png: 255, elsewhere 0.

    Args:
        folder: The folder to make; must not hold anything.
        labelled: Scenes with a mask.
        unlabelled: Scenes without.
        size: Side of a scene, px.

    Returns:
        How many scenes there are.

    Raises:
        InputError: The folder holds something, or can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty; name a new folder")
        scenes = ProceduralDataset(labelled_photos=labelled, unlabelled_photos=unlabelled, photo_size=size)
        building = scenes.classes.names.index(BUILDING)
        for number, record in enumerate(scenes.records):
            name = f"{1000 + 7 * number}"
            Image.fromarray(scenes.read_image(record)).save(folder / f"{name}_sat.jpg", quality=95)
            if record.labelled:
                mask = np.where(scenes.read_mask(record) == building, 255, 0).astype(np.uint8)
                Image.fromarray(mask).save(folder / f"{name}_mask.png")
    except OSError as error:
        raise InputError(f"{folder}: can't be written ({error.strerror}); name a folder that can") from error
    return len(scenes.records)
