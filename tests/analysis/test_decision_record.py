"""The verdict in JSON and Markdown."""

import json
from dataclasses import replace

import pytest

from analysis.decision import (
    HEAVIER_ABOVE_POINTS,
    LIGHTER_BELOW_POINTS,
    decide,
)
from analysis.decision_markdown import decision_markdown
from analysis.decision_record import DEPLOYMENTS, Deployment
from tests.analysis.decision_studies import ALL, PAIR
from tests.analysis.example_results import make_results


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
@pytest.mark.parametrize("spaces", [ALL, PAIR, ("unet",)])
@pytest.mark.parametrize("finalists", [True, False])
def test_json_is_strict_and_whole(deployment: Deployment, spaces: tuple[str, ...], finalists: bool) -> None:
    decision = decide(make_results(spaces=spaces, finalists=finalists), deployment=deployment)
    plain = json.loads(json.dumps(decision.to_json(), allow_nan=False))
    assert plain["rule"]["lighter_below_points"] == LIGHTER_BELOW_POINTS
    assert plain["rule"]["heavier_above_points"] == HEAVIER_ABOVE_POINTS
    assert plain["status"] == decision.status
    assert len(plain["candidates"]) == (2 * len(spaces) if finalists else 0)
    page = decision_markdown(decision)
    assert page.splitlines()[2] == f"**{decision.sentence}**"


def test_unknown_costs_are_null_in_json_and_said_in_markdown() -> None:
    results = make_results(spaces=("unet",))
    trials = results.trials.copy()
    trials["latency_ms_p90"] = float("nan")
    decision = decide(replace(results, trials=trials))
    assert decision.to_json()["candidates"][0]["costs"]["latency_ms_p90"] is None
    assert "| not measured |" in decision_markdown(decision)


def test_names_can_not_break_the_markdown() -> None:
    decision = replace(decide(make_results()), sentence="Use <script>|x|\n# heading")
    line = decision_markdown(decision).splitlines()[2]
    assert line == "**Use &lt;script&gt;\\|x\\| # heading**"


def test_names_can_not_make_links_pictures_or_mentions() -> None:
    decision = replace(decide(make_results()), sentence="Use ![x](http://a.b/c) `code` *net* of @user for #12")
    line = decision_markdown(decision).splitlines()[2]
    assert line == (
        "**Use !\\[x\\](http://a.b/c) \\`code\\` \\*net\\* of @\N{ZERO WIDTH NON-JOINER}user for "
        "#\N{ZERO WIDTH NON-JOINER}12**"
    )
