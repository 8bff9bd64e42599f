"""The card of each finalist, and the pictures that belong to it."""

from analysis.figures.context import figure_context
from analysis.page.finalist_cards import make_finalist_cards
from analysis.page.pictures import pictures_by_trial
from analysis.page.plots import draw_figures, places_by_key
from analysis.results import Panel
from tests.analysis.example_results import make_results


def test_every_finalist_has_a_card_and_the_standing_ones_the_curves() -> None:
    results = make_results(spaces=("unet", "deeplabv3plus"), ranks=2)
    context = figure_context(results)
    pictures, _ = pictures_by_trial((Panel("unet-1-1", "a photo", b"png"),), ["unet-1", "unet-2"])
    places = places_by_key(draw_figures(results, context))
    cards = make_finalist_cards(results, context, ("unet", "best"), places, pictures)
    assert [(card.space, card.role) for card in cards[:3]] == [
        ("unet", "best"),
        ("unet", "best-2"),
        ("unet", "baseline"),
    ]
    assert [card.stands for card in cards] == [True, False, False] * 2
    assert [card.chosen for card in cards] == [True, False, False, False, False, False]
    assert [len(card.plots) for card in cards] == [2, 1, 1] * 2
    assert [len(card.classes) for card in cards] == [4] * 6
    assert [len(card.pictures) for card in cards] == [1, 0, 0, 0, 0, 0]
    assert len({card.identity for card in cards}) == 6
    facts = dict(cards[0].facts)
    assert facts["parameters"] == "3,499,541"
    assert facts["seeds"] == "0, 1, 2"
    # The example's curves rise in a straight line.
    assert facts["mIoU around its trend, end of training"] == "0.00 points"
    assert facts["deepest fall of mIoU, end of training"] == "0.00 points"


def test_a_picture_belongs_to_the_trial_with_the_longest_name_that_fits() -> None:
    panels = tuple(Panel(name, name, b"") for name in ("unet-1-1", "unet-1-2", "unet-2", "other"))
    found, rest = pictures_by_trial(panels, ["unet", "unet-1"])
    assert [picture.caption for picture in found["unet-1"]] == ["unet-1-1", "unet-1-2"]
    assert [picture.caption for picture in found["unet"]] == ["unet-2"]
    assert [picture.caption for picture in rest] == ["other"]
