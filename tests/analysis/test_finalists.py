from dataclasses import replace

from analysis.finalists import finalists_of
from tests.analysis.example_results import make_results


def test_they_are_collected_once_for_the_same_results_and_anew_for_others() -> None:
    results = make_results(spaces=("unet",))
    found = finalists_of(results)
    assert finalists_of(results) is found
    fewer = replace(results, tests=tuple(test for test in results.tests if test.role != "baseline"))
    assert found[0].baseline is not None
    assert finalists_of(fewer)[0].baseline is None
    assert finalists_of(results) == found
