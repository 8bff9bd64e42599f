"""The commands that the report gives to repeat a search and itself."""

import shlex

from analysis.decision import decide
from analysis.decision_record import Budgets
from analysis.page.method import ReportOptions, make_topics, repeat_command, report_command
from search.options import make_parser
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


def test_the_rules_of_a_search_are_facts() -> None:
    (topic,) = make_topics(
        {
            "objectives": ("miou", "latency"),
            "equal": "device-seconds",
            "budget_seconds": 7200.0,
            "warm_start_from": "runs/first",
            "scheduler": "asha",
            "late_promotion": True,
            "curve_prediction": False,
            "audit_fraction": 0.2,
            "finalists": 3,
        }
    )
    assert topic.facts == (
        ("objectives", "miou, latency"),
        ("spaces get the same", "device-seconds"),
        ("planned for", "2 h 00 min"),
        ("warm start from", "runs/first"),
        ("stopping rule", "asha"),
        ("late promotion", "true"),
        ("share of stopped trials trained on as a check", "0.2"),
        ("finalists per space", "3"),
    )


def test_late_promotion_is_no_fact_of_a_rule_without_the_choice() -> None:
    (topic,) = make_topics({"scheduler": "patience", "late_promotion": True})
    assert topic.facts == (("stopping rule", "patience"),)


def test_a_search_spelt_out_is_taken_by_its_own_parser_with_all_its_rules() -> None:
    rules = {
        "spaces": ["unet"],
        "objectives": ["miou", "parameters"],
        "equal": "device-seconds",
        "scheduler": "asha",
        "late_promotion": False,
        "curve_prediction": True,
        "audit_fraction": 0.2,
        "finalists": 3,
        "finalist_seeds": 0,
    }
    options = make_parser().parse_args(shlex.split(repeat_command(rules))[3:])
    assert options.objectives == ("miou", "parameters")
    assert (options.equal, options.late_promotion, options.curve_prediction) == ("device-seconds", False, True)
    assert (options.audit_fraction, options.finalists, options.finalist_seeds) == (0.2, 3, 0)
