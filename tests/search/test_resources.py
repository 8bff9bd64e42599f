import pytest

from search.resources import cluster, concurrent_trials, default_loader_workers, per_space
from spaces.errors import InputError
from trainables.compute.machines import Machines, default_image_cache_gb

SPACES = ("unet", "deeplabv3plus")


def test_an_amount_holds_for_all_spaces_or_for_one() -> None:
    assert per_space("--gpus-per-trial", None, SPACES, 1) == {"unet": 1, "deeplabv3plus": 1}
    assert per_space("--gpus-per-trial", "0.5", SPACES, 1) == {"unet": 0.5, "deeplabv3plus": 0.5}
    assert per_space("--gpus-per-trial", "unet=0.5", SPACES, 1) == {"unet": 0.5, "deeplabv3plus": 1}
    assert per_space("--gpus-per-trial", "2, unet=0.25", SPACES, 1) == {"unet": 0.25, "deeplabv3plus": 2}


@pytest.mark.parametrize("text", ["x", "unet=", "unet=-1", "nan", "inf", "other=1", "unet=1=2"])
def test_a_wrong_amount_is_told(text: str) -> None:
    with pytest.raises(InputError, match="--gpus-per-trial"):
        per_space("--gpus-per-trial", text, SPACES, 1)


def test_as_many_trials_run_as_fit_the_scarcer_resource() -> None:
    machine = Machines(cpus=8, gpus=2, description="", memory_gb=32.0)
    cpus = {"unet": 2.0, "deeplabv3plus": 2.0}
    assert concurrent_trials(machine, cpus, {"unet": 1.0, "deeplabv3plus": 1.0}, None) == 2
    assert concurrent_trials(machine, cpus, {"unet": 0.5, "deeplabv3plus": 1.0}, None) == 4
    assert concurrent_trials(machine, cpus, {"unet": 0.5, "deeplabv3plus": 1.0}, 3) == 3


def test_what_does_not_fit_is_told_unless_nodes_are_added_on_demand() -> None:
    small = Machines(cpus=2, gpus=0, description="", memory_gb=32.0)
    with pytest.raises(InputError, match="0 GPUs"):
        concurrent_trials(small, {"unet": 1.0}, {"unet": 1.0}, 4)
    grows = Machines(cpus=2, gpus=0, description="", memory_gb=32.0, grows=True)
    with pytest.raises(InputError, match="--concurrent-trials"):
        concurrent_trials(grows, {"unet": 1.0}, {"unet": 1.0}, None)
    assert concurrent_trials(grows, {"unet": 1.0}, {"unet": 1.0}, 4) == 4


def test_a_trial_takes_something() -> None:
    with pytest.raises(InputError, match="both are 0"):
        concurrent_trials(Machines(cpus=2, gpus=0, description="", memory_gb=32.0), {"unet": 0.0}, {"unet": 0.0}, None)


def test_loader_workers_take_the_cores_beside_a_gpu_that_do_not_feed_it() -> None:
    assert default_loader_workers("cpu", {"unet": 8.0}) == 0
    assert default_loader_workers("cuda", {"unet": 4.0}) == 3
    assert default_loader_workers("cuda", {"unet": 8.0, "deeplabv3plus": 4.0}) == 3
    assert default_loader_workers("cuda", {"unet": 0.0}) == 1


def test_decoded_images_may_take_a_quarter_of_a_nodes_memory() -> None:
    nodes = cluster({"CPU": 16, "GPU": 2, "memory": 96e9, "node:10.0.0.1": 1, "node:10.0.0.2": 1})
    assert nodes.memory_gb == pytest.approx(48)
    assert default_image_cache_gb(nodes) == pytest.approx(12)
