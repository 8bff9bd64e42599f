"""The three numbers of self-training, from the first evaluation with pseudo-labels to the last."""

from analysis.page.pseudo_labels import make_pseudo_labels
from tests.analysis.example_results import make_results


def test_it_tells_how_the_numbers_went() -> None:
    results = make_results(spaces=("unet",))
    curves = results.curves
    mine = curves["trial_id"] == "unet-1"
    curves.loc[mine, "mask_ratio"] = [0.0, 0.25, 0.5, 0.5, 0.5, 0.75]
    curves.loc[mine, "pseudo_precision"] = 0.875
    (found,) = make_pseudo_labels(results, ("unet",))
    assert (found.space, found.trial_id) == ("unet", "unet-1")
    assert found.kept == "25.0% \N{RIGHTWARDS ARROW} 75.0%"
    assert found.precision == "87.5% \N{RIGHTWARDS ARROW} 87.5%"
    assert [row.pseudo_labels for row in found.classes] == ["25.0%"] * 4
    assert {row.labels for row in found.classes} == {"\N{EN DASH}"}


def test_a_trial_without_pseudo_labels_is_left_out() -> None:
    results = make_results(spaces=("unet",))
    results.curves["mask_ratio"] = 0.0
    assert make_pseudo_labels(results, ("unet", "other")) == ()
