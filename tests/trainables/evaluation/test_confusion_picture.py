import io

import numpy as np
from PIL import Image

from trainables.evaluation.confusion_picture import confusion_picture


def test_it_is_a_picture_that_grows_with_the_number_of_classes() -> None:
    few, many = (
        Image.open(io.BytesIO(confusion_picture(np.eye(count, dtype=np.int64), [f"class {n}" for n in range(count)])))
        for count in (2, 9)
    )
    assert few.format == "PNG"
    assert few.width < many.width
    assert few.height < many.height


def test_it_shows_the_matrix() -> None:
    right = confusion_picture(np.array([[9, 1], [1, 9]]), ("road", "water"))
    wrong = confusion_picture(np.array([[1, 9], [9, 1]]), ("road", "water"))
    assert right != wrong


def test_names_and_empty_classes_can_be_anything() -> None:
    picture = confusion_picture(np.array([[9, 1], [0, 0]]), (r"$\nothing{", "<script>"))
    assert Image.open(io.BytesIO(picture)).width > 100
