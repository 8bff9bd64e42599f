"""The commands that the report gives to repeat a search and itself."""

import shlex

from analysis.decision import decide
from analysis.decision_record import Budgets
from analysis.page.method import ReportOptions, make_topics, repeat_command, report_command
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
    assert report_command(ReportOptions(search="a b"), decision) == (
        "python -m analysis.report --search 'a b' --deployment edge --max-latency-ms 12.5 --max-parameters 3502023"
    )


def test_facts_that_are_not_known_are_left_out() -> None:
    assert make_topics({}) == ()
    (topic,) = make_topics({"versions": {"torch": "2.14.1"}, "preset": None})
    assert topic.facts == (("torch", "2.14.1"),)


def test_every_option_of_the_report_is_repeated_but_no_password() -> None:
    options = ReportOptions(
        search="runs/a",
        runs="my runs",
        tracking_uri="https://me:secret@host/",
        costs="edge.csv",
        out="out",
        images=True,
    )
    command = report_command(options, decide(make_results()))
    assert command == (
        "python -m analysis.report --search runs/a --runs 'my runs' --tracking-uri 'https://me:***@host/'"
        " --costs edge.csv --out out --images"
    )


def test_a_deployment_other_than_the_searchs_own_is_repeated() -> None:
    options, results = ReportOptions(search="a"), make_results()
    assert report_command(options, decide(results), "edge").endswith("--deployment any")
    assert "--deployment" not in report_command(options, decide(results, deployment="edge"), "edge")


def test_the_threads_behind_the_costs_are_told() -> None:
    (topic,) = make_topics({"device": {"cost_threads": 4}})
    assert topic.facts == (("CPU threads that costs were measured with", "4"),)
