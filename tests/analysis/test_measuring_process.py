import pytest

from analysis.measuring_process import MeasurementError, MeasuringProcess


def test_what_ends_a_process_is_its_last_line() -> None:
    with (
        MeasuringProcess("analysis.no_such_module") as process,
        pytest.raises(MeasurementError, match="no_such_module"),
    ):
        process.ask(do="anything")


def test_a_process_answers_and_names_what_it_does_not_know() -> None:
    with MeasuringProcess("analysis.cost_measurement") as process, pytest.raises(MeasurementError, match="juggle"):
        process.ask(do="juggle")
