"""What stands at the top of the page."""

from analysis.decision import decide
from analysis.page.verdict import make_verdict
from tests.analysis.decision_studies import spread, study


def test_models_that_are_compared_are_named_once_with_what_they_score_and_cost() -> None:
    results = study({"unet": spread(50), "unetplusplus": spread(52), "deeplabv3plus": spread(54)})
    verdict = make_verdict(results, decide(results))
    assert verdict.model == "not settled: unet, unetplusplus or deeplabv3plus"
    assert [name for name, _ in verdict.models] == ["unet", "unetplusplus", "deeplabv3plus"]
    assert verdict.models[0][1].startswith("test mIoU 50.0 points, ")
    assert "parameters" in verdict.models[0][1]


def test_one_space_has_nothing_to_compare() -> None:
    results = study({"unet": spread(50)})
    assert make_verdict(results, decide(results)).models == ()
