"""Networks that can't be built are told before anything starts."""

from pathlib import Path

import pytest

from search.buildable import check_networks
from spaces.errors import InputError
from spaces.loading import load_space

CHOICES = "encoder: {choices: [mobilenet_v2, mit_b0]}"
"""SMP's Linknet can't use mit_b0, which has nothing at half the size; its FPN can."""


def space_file(folder: Path, parameters: str) -> str:
    path = folder / "mixed.yaml"
    baseline = "baseline: {architecture: smp.fpn, encoder: mobilenet_v2, heads: 1, decoder_width: 0.25}"
    path.write_text(
        f"extends: recipe\nname: mixed\n{baseline}\nparameters:\n  heads: null\n{parameters}", encoding="utf-8"
    )
    return str(path)


def test_architecture_and_encoder_that_don_t_go_together_are_told(tmp_path: Path) -> None:
    space = load_space(space_file(tmp_path, f"  architecture: {{choices: [smp.fpn, smp.linknet]}}\n  {CHOICES}\n"))
    with pytest.raises(InputError, match=r"mixed\.yaml, line 7: encoder: 'mit_b0' can't be used by smp\.linknet"):
        check_networks(space, classes=2)


def test_what_conditions_keep_apart_is_not_asked_for(tmp_path: Path) -> None:
    condition = "when: {architecture: smp.fpn}}"
    parameters = f"  architecture: {{choices: [smp.linknet, smp.fpn]}}\n  {CHOICES[:-1]}, {condition}\n"
    check_networks(load_space(space_file(tmp_path, parameters)), classes=2)
