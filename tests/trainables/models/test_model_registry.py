import importlib
import subprocess
import sys

import pytest

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models import create_model, model_names, register_model, registry
from trainables.models.unet import Unet


def test_the_three_architectures_are_there() -> None:
    assert {"deeplabv3plus", "unet", "unetplusplus"} <= set(model_names())


def test_each_file_registers_the_names_that_are_read_off_it() -> None:
    modules = registry._architecture_modules()
    for module in modules.values():
        importlib.import_module(f"trainables.models.{module}")
    assert set(modules) <= set(registry._registered)


def test_asking_for_names_loads_no_torch() -> None:
    code = "import sys, trainables.models as m; assert m.model_names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_architecture_is_bad_input() -> None:
    with pytest.raises(
        InputError, match=r"'unit' is not a model; there are deeplabv3plus, smp\.deeplabv3, .*, unet, unetplusplus"
    ):
        create_model(TrialConfig(architecture="unit", encoder="mobilenet_v2"), classes=7)


def test_one_class_is_no_segmentation() -> None:
    with pytest.raises(ValueError, match="at least 2 classes, not 1"):
        create_model(TrialConfig(architecture="unet", encoder="mobilenet_v2"), classes=1)


def test_a_name_belongs_to_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))

    class OtherUnet(Unet):
        pass

    with pytest.raises(ValueError, match="two models are registered as 'unet'"):
        register_model("unet")(OtherUnet)
    assert register_model("other")(OtherUnet) is OtherUnet
    assert "other" in model_names()
    assert type(create_model(TrialConfig(architecture="other", encoder="mobilenet_v2"), classes=2)) is OtherUnet
