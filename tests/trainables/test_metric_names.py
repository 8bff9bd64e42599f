import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.metric_names import (
    iou_name,
    label_share_name,
    pseudo_precision_name,
    pseudo_share_name,
    slug,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Snake Fruit", "snake_fruit"),
        ("__background__", "background"),
        ("Pohon (Tua)", "pohon_tua"),
        ("École", "ecole"),
    ],
)
def test_class_names_become_snake_case(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_each_metric_says_what_it_is_and_of_which_class() -> None:
    assert iou_name(5, "Snake Fruit") == "iou_5_snake_fruit"
    assert pseudo_share_name(0, "__background__") == "pseudo_share_0_background"
    assert label_share_name(3, "Jalan") == "label_share_3_jalan"
    assert pseudo_precision_name(3, "Jalan") == "pseudo_precision_3_jalan"


@given(st.text())
def test_any_name_gives_what_tracking_servers_accept(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", slug(name))


@given(st.lists(st.text(), min_size=2, max_size=6))
def test_classes_whose_names_look_alike_keep_metrics_of_their_own(names: list[str]) -> None:
    assert len({iou_name(index, name) for index, name in enumerate(names)}) == len(names)
