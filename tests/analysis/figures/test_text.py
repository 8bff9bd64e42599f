"""Names from outside in element ids and labels."""

import re

from hypothesis import given
from hypothesis import strategies as st

from analysis.figures.text import element_key

names = st.lists(st.text(alphabet="aAbB09_- .<>é/", max_size=6), min_size=1, max_size=3)


@given(names, names)
def test_other_names_have_other_keys(first: list[str], second: list[str]) -> None:
    assert (element_key(*first) == element_key(*second)) == (first == second)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_a_key_is_safe_in_an_id_and_a_file_name(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-z0-9_-]+", element_key(*parts))


def test_plain_names_stay_readable() -> None:
    assert element_key("unet", "best") == "unet-best"
    assert element_key("unet_a") == "unet_a"
    assert element_key("unet-a").startswith("unet-a-")
