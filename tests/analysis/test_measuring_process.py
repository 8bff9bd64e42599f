import pytest

from analysis.measuring_process import MeasurementError, MeasuringProcess, _reason


def test_what_ends_a_process_is_said_in_one_line() -> None:
    with (
        MeasuringProcess("analysis.no_such_module") as process,
        pytest.raises(MeasurementError, match="no_such_module"),
    ):
        process.ask(do="anything")


def test_a_process_answers_and_names_what_it_does_not_know() -> None:
    with MeasuringProcess("analysis.cost_measurement") as process, pytest.raises(MeasurementError, match="juggle"):
        process.ask(do="juggle")


def test_hints_below_an_error_are_not_its_reason() -> None:
    hint = "raise ValueError('no room') if True else None"
    assert _reason(f"Traceback (most recent call last):\n  {hint}\nValueError: no room\n\nTry more memory.") == (
        "ValueError: no room"
    )
