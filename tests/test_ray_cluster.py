"""The cluster file is one that the installed Ray accepts, and one that lets nobody in without the token."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[1]
CLUSTER_FILE = REPOSITORY / "ray_cluster.yaml"
START_COMMANDS = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CLUSTER_FILE.read_text(encoding="utf-8"))
    return loaded


def _start_command(cluster: dict[str, Any], which: str) -> str:
    (command,) = [command for command in cluster[which] if "ray start" in command]
    return str(command)


def test_ray_accepts_it(cluster: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(cluster)
    validate_config(prepared)
    # Ray fills in what is missing; none of its defaults may replace what the file says.
    assert {key: prepared[key] for key in START_COMMANDS} == {key: cluster[key] for key in START_COMMANDS}
    assert set(prepared["available_node_types"]) == {"head", "gpu_worker"}


@pytest.mark.parametrize("which", START_COMMANDS)
def test_every_node_demands_the_token(cluster: dict[str, Any], which: str) -> None:
    before_ray = _start_command(cluster, which).split("ray start")[0].split(";")[-1]
    assert "RAY_AUTH_MODE=token" in before_ray.split()


def test_the_token_is_mounted_and_not_in_the_file(cluster: dict[str, Any]) -> None:
    assert cluster["file_mounts"].items() >= {"~/.ray/auth_token": "~/.ray/auth_token"}.items()
    text = CLUSTER_FILE.read_text(encoding="utf-8")
    assert "RAY_AUTH_TOKEN=" not in text
    assert not re.search(r"\b[0-9a-f]{32,}\b", text)
    assert any("chmod 600 ~/.ray/auth_token" in command for command in cluster["setup_commands"])


def test_the_dashboard_stays_on_the_head(cluster: dict[str, Any]) -> None:
    head, worker = (_start_command(cluster, which) for which in START_COMMANDS)
    assert "--dashboard-host=127.0.0.1" in head.split()
    assert "--head" not in worker
    assert "0.0.0.0" not in CLUSTER_FILE.read_text(encoding="utf-8")  # noqa: S104 - looked for, not bound


def test_only_ssh_is_open_to_the_world(cluster: dict[str, Any]) -> None:
    for rule in cluster["provider"]["security_group"].get("IpPermissions", []):
        open_to_others = rule.get("IpRanges") or rule.get("Ipv6Ranges") or rule.get("PrefixListIds")
        assert not open_to_others or rule["FromPort"] == rule["ToPort"] == 22
    # A group named by its id would bring rules that this file does not show.
    assert not any("SecurityGroupIds" in node["node_config"] for node in cluster["available_node_types"].values())


def test_workers_come_from_nothing_and_trials_run_on_them_alone(cluster: dict[str, Any]) -> None:
    node_types = cluster["available_node_types"]
    head, worker = node_types[cluster["head_node_type"]], node_types["gpu_worker"]
    assert worker["min_workers"] == 0
    assert 0 < worker["max_workers"] <= cluster["max_workers"]
    assert worker["resources"]["GPU"] >= 1
    assert head["resources"].get("CPU") == 0
    assert "GPU" not in head["resources"]
    assert cluster["provider"]["cache_stopped_nodes"] is False


def test_all_nodes_install_one_ray_that_the_project_supports(cluster: dict[str, Any]) -> None:
    import tomllib

    commands = " ".join(cluster["setup_commands"])
    (pinned,) = re.findall(r"\"ray\[[\w,]+\]==([\d.]+)\"", commands)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (ray,) = [Requirement(text) for text in project["dependencies"] if Requirement(text).name == "ray"]
    assert ray.specifier.contains(pinned)
    assert "-e ~/segpareto" in commands


def test_records_and_history_are_not_copied_to_the_nodes(cluster: dict[str, Any]) -> None:
    assert {".git", "runs"} <= set(cluster["rsync_exclude"])
