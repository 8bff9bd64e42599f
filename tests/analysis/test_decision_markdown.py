from dataclasses import replace

from analysis.decision import decide
from analysis.decision_markdown import decision_markdown
from tests.analysis.example_results import make_results


def test_names_are_shown_as_they_are_wherever_they_stand() -> None:
    """Unescaped, `&lt;` would be shown as an angle bracket, and underscores would make the rest bold."""
    name = "a &lt; b | __init__ $x$ ~~y~~"
    shown = "a &amp;lt; b \\| \\_\\_init\\_\\_ \\$x\\$ \\~\\~y\\~\\~"
    decision = decide(make_results())
    pair, candidate = decision.pairs[0], decision.candidates[0]
    page = decision_markdown(
        replace(
            decision,
            warnings=(name,),
            pairs=(replace(pair, reference=name),),
            candidates=(replace(candidate, space=name),),
        )
    )
    assert name not in page
    assert f"- {shown}\n" in page
    assert f"| {pair.challenger} minus {shown} |" in page
    assert f"| {shown} {candidate.role} |" in page
