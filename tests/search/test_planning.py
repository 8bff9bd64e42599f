"""What a command line leads to, before anything starts."""

from pathlib import Path

import pytest

from search.options import make_parser
from search.planning import plan_search
from spaces.errors import InputError
from trainables.compute.machines import Machines

MACHINE = Machines(cpus=2, gpus=0, description="2 CPU cores", memory_gb=8.0)


@pytest.mark.parametrize(("grace", "early"), [("20", True), ("160", False)])
def test_a_rung_before_curves_mean_something_draws_a_warning(grace: str, early: bool) -> None:
    words = ("--space", "unet", "--max-steps", "1500", "--eval-every", "10", "--grace-steps", grace)
    planned = plan_search(make_parser().parse_args(words), MACHINE)
    assert planned.settings.rungs[0] == int(grace)
    warnings = [note for note in planned.notes if "will judge noise" in note]
    assert [f"--grace-steps {grace} is before" in note for note in warnings] == [True] * early


@pytest.mark.parametrize(
    "written",
    [
        "baseline:\n  class_weight_factors: {Jalam: 2.0}",
        "parameters:\n  class_weight_factors.Jalam: {low: 1.0, high: 9.0}",
        "parameters:\n  threshold_offsets.Jalam: {low: -0.1, high: 0.1}",
    ],
)
def test_a_class_that_the_data_do_not_have_is_told_with_its_line(tmp_path: Path, written: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: unet\nname: own\n{written}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"own\.yaml, line 4: .*'Jalam' is no class of the data; they have .*Jalan"):
        plan_search(make_parser().parse_args(("--space", str(path))), MACHINE)
