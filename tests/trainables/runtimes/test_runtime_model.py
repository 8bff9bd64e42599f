from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from spaces.errors import InputError
from tests.trainables.small_trial import small_config
from trainables.runtimes.array_runtime import ArrayRuntime
from trainables.runtimes.names import Variant, check_variant
from trainables.runtimes.runtime import Circumstances, NetworkFiles, Runtime
from trainables.runtimes.runtime_model import RuntimeModel


class Doubling(ArrayRuntime):
    """Gives images back, doubled, and remembers how many came at once."""

    def load(self) -> None:
        self.batches: list[int] = []

    def compile(self) -> None:
        return

    def run(self, placed: Any) -> Any:
        self.batches.append(len(placed))
        return placed * 2


class CompiledForSizes(Doubling):
    compiles_batch_sizes: ClassVar[bool] = True


class OnTensors(Doubling):
    takes_tensors: ClassVar[bool] = True


@pytest.mark.parametrize(
    ("kind", "batch_size", "batches"),
    [(Doubling, 1, [1] * 5), (Doubling, 2, [2, 2, 1]), (CompiledForSizes, 2, [2, 2, 2]), (OnTensors, 3, [3, 2])],
)
def test_batches(kind: type[Doubling], batch_size: int, batches: list[int]) -> None:
    files = NetworkFiles(Path(), small_config(), 3)
    runtime = kind(files, Circumstances("cpu", "float32", "channels_last", 1))
    assert isinstance(runtime, Runtime)
    runtime.load()
    images = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 3, 4, 6), dtype=np.float32))
    found = RuntimeModel(runtime, batch_size).probabilities(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, images * 2)
    assert runtime.batches == batches


def test_a_single_file_takes_the_place_of_the_folder() -> None:
    files = NetworkFiles(Path("folder"), small_config(), 3, single=Path("one.onnx"))
    assert {files.weights, files.onnx("int8"), files.openvino("float32")} == {Path("one.onnx")}


def test_what_a_runtime_can_not_do_is_refused() -> None:
    check_variant(Variant("torch_eager", "bfloat16"), device="cpu")
    with pytest.raises(InputError, match="int8: torch_eager does not have it on cpu; there are float32"):
        check_variant(Variant("torch_eager", "int8"), device="cpu")
