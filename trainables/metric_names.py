"""Names of the flat metrics that depend on the classes of the data."""

import re
import unicodedata


def slug(name: str) -> str:
    """Turn a class name into snake_case letters and digits, as metric names allow: "Snake Fruit" -> snake_fruit."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_") or "class"


def iou_name(index: int, class_name: str) -> str:
    """Name of one class's IoU, for example iou_5_snake_fruit."""
    return _of_class("iou", index, class_name)


def pseudo_share_name(index: int, class_name: str) -> str:
    """Name of one class's share of the pseudo-labels kept since the last evaluation."""
    return _of_class("pseudo_share", index, class_name)


def label_share_name(index: int, class_name: str) -> str:
    """Name of one class's share of the labelled training pixels, which its `pseudo_share_name` is read against."""
    return _of_class("label_share", index, class_name)


def pseudo_precision_name(index: int, class_name: str) -> str:
    """Name of the share of right labels among one class's pseudo-labels on the validation part."""
    return _of_class("pseudo_precision", index, class_name)


def _of_class(metric: str, index: int, class_name: str) -> str:
    return f"{metric}_{index}_{slug(class_name)}"
