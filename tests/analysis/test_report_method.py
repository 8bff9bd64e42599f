"""The commands that the report gives to repeat a search and itself."""

import shlex

from analysis.decision import decide
from analysis.decision_record import Budgets
from analysis.page.method import make_topics, repeat_command, report_command
from tests.analysis.example_results import make_results


def test_the_searchs_own_words_without_its_name_which_is_taken() -> None:
    command = ["python", "-m", "search.run", "--space", "unet", "--name", "first", "--data", "my images", "--resume"]
    assert repeat_command({"command": command}) == "python -m search.run --space unet --data 'my images'"


def test_the_search_spelt_out_where_its_words_are_not_kept() -> None:
    words = shlex.split(repeat_command(make_results().settings))
    assert words[:3] == ["python", "-m", "search.run"]
    assert words[words.index("--space") + 1] == "unet,deeplabv3plus,unetplusplus"
    assert words[words.index("--max-steps") + 1] == "120"
    assert "--data" not in words


def test_budgets_are_repeated_exactly() -> None:
    budgets = Budgets(max_latency_ms=12.5, max_parameters=3502023)
    decision = decide(make_results(), deployment="edge", budgets=budgets)
    assert report_command("a b", decision) == (
        "python -m analysis.report --search 'a b' --deployment edge --max-latency-ms 12.5 --max-parameters 3502023"
    )


def test_facts_that_are_not_known_are_left_out() -> None:
    assert make_topics({}) == ()
    (topic,) = make_topics({"versions": {"torch": "2.14.1"}, "preset": None})
    assert topic.facts == (("torch", "2.14.1"),)
