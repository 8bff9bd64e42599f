import importlib.util
import shutil

import pytest

from spaces.errors import InputError
from trainables.runtimes.names import RUNTIME_KINDS, Variant, variants_of
from trainables.runtimes.registry import _CLASSES


def test_every_name_has_a_class() -> None:
    assert set(_CLASSES) == set(RUNTIME_KINDS)


def test_what_a_runtime_can_not_do_is_left_out() -> None:
    assert variants_of("torch_eager", "all", device="cpu") == (
        Variant("torch_eager", "float32"),
        Variant("torch_eager", "bfloat16"),
    )
    assert {variant.runtime for variant in variants_of("all", "float16", device="cuda:0")} == {
        "torch_eager",
        "torch_compile",
    }


@pytest.mark.parametrize(
    ("runtimes", "precisions", "complaint"),
    [
        ("abacus", "float32", "--runtimes 'abacus': unknown; there are torch_eager"),
        ("", "float32", "--runtimes ''"),
        ("torch_eager", "float8", "--precisions 'float8': unknown"),
        ("torch_eager", "int8", "torch_eager float32, bfloat16"),
        ("torch_eager", "float16", "none of --runtimes torch_eager has it on cpu"),
    ],
)
def test_bad_names_are_one_line(runtimes: str, precisions: str, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        variants_of(runtimes, precisions, device="cpu")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_installed_is_left_out_of_all_and_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nncf" else found(name))
    ways = variants_of("all", "float32,int8", device="cpu")
    assert Variant("openvino", "float32") in ways
    assert Variant("openvino", "int8") not in ways
    with pytest.raises(InputError, match="--runtimes openvino: int8 needs nncf, not installed"):
        variants_of("openvino", "float32,int8", device="cpu")


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "torch_compile" not in {way.runtime for way in variants_of("all", "float32", device="cpu")}
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler"):
        variants_of("torch_compile", "float32", device="cpu")
