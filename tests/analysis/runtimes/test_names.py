import pytest

from analysis.runtimes.names import RUNTIME_KINDS, Variant, variants_of
from analysis.runtimes.registry import _CLASSES
from spaces.errors import InputError


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
