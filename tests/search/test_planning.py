"""What a command line leads to, before anything starts."""

import pytest

from search.options import make_parser
from search.planning import plan_search
from trainables.compute.machines import Machines

MACHINE = Machines(cpus=2, gpus=0, description="2 CPU cores", memory_gb=8.0)


@pytest.mark.parametrize(("grace", "early"), [("20", True), ("160", False)])
def test_a_rung_before_curves_mean_something_draws_a_warning(grace: str, early: bool) -> None:
    words = ("--space", "unet", "--max-steps", "1500", "--eval-every", "10", "--grace-steps", grace)
    planned = plan_search(make_parser().parse_args(words), MACHINE)
    assert planned.settings.rungs[0] == int(grace)
    warnings = [note for note in planned.notes if "will judge noise" in note]
    assert [f"--grace-steps {grace} is before" in note for note in warnings] == [True] * early
