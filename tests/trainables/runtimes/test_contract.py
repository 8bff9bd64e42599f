"""What every runtime must do; one that is registered is tested."""

from collections.abc import Iterator

import numpy as np
import pytest

from analysis.cost_preparation import exported_mb
from tests.trainables.runtimes_network import CLASSES, SIDE, write_network
from trainables.data.colour_statistics import normalised_array
from trainables.export.agreement import compare_outputs
from trainables.export.onnx_model import quantise_onnx
from trainables.export.openvino_model import quantise_openvino
from trainables.runtimes.names import INT8, RUNTIME_KINDS
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles, Runtime
from trainables.runtimes.torch_compile import TorchCompile

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def captured_only() -> Iterator[None]:
    """Have torch.compile capture networks without making code for them, which takes a minute or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TorchCompile, "backend", "eager")
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> NetworkFiles:
    return write_network(tmp_path_factory.mktemp("network"))


def opened(name: str, files: NetworkFiles, precision: str = "float32") -> Runtime:
    runtime = create_runtime(name, files, Circumstances("cpu", precision, "channels_last", 1))
    runtime.load()
    runtime.compile()
    return runtime


@pytest.fixture(scope="module", params=sorted(RUNTIME_KINDS))
def runtime(request: pytest.FixtureRequest, files: NetworkFiles) -> Iterator[Runtime]:
    yield opened(request.param, files)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8)


def test_it_says_what_the_original_says(runtime: Runtime, files: NetworkFiles, pixels: np.ndarray) -> None:
    images = normalised_array(pixels)
    original = opened("torch_eager", files)
    expected = original.probabilities(original.run(original.place(images)))
    found = runtime.probabilities(runtime.run(runtime.place(images)))
    assert found.shape == (1, CLASSES, SIDE, SIDE)
    assert found.dtype == np.float32
    agreement = compare_outputs(expected, found)
    assert agreement.exact, agreement


def test_pixels_are_normalised_alike(runtime: Runtime, pixels: np.ndarray) -> None:
    by_itself = runtime.probabilities(runtime.run(runtime.place_pixels(pixels)))
    given = runtime.probabilities(runtime.run(runtime.place(normalised_array(pixels))))
    np.testing.assert_allclose(by_itself, given, atol=1e-4)


def test_classes_are_the_most_probable(runtime: Runtime, pixels: np.ndarray) -> None:
    output = runtime.run(runtime.place_pixels(pixels))
    classes = runtime.classes(output)
    assert (classes.dtype, classes.shape) == (np.uint8, (1, SIDE, SIDE))
    np.testing.assert_array_equal(classes, runtime.probabilities(output).argmax(1))


def test_it_is_timed_and_says_its_threads(runtime: Runtime, pixels: np.ndarray) -> None:
    assert runtime.milliseconds(runtime.place_pixels(pixels)) > 0
    assert runtime.threads() == 1
    assert runtime.device_peak_mb() is None


@pytest.mark.parametrize("name", sorted(RUNTIME_KINDS))
def test_batches_are_images_one_by_one(name: str, files: NetworkFiles) -> None:
    runtime = opened(name, files)
    images = np.random.default_rng(4).standard_normal((3, 3, SIDE, SIDE), dtype=np.float32)
    together = runtime.probabilities(runtime.run(runtime.place(images)))
    for place in range(3):
        alone = runtime.probabilities(runtime.run(runtime.place(images[place : place + 1])))
        np.testing.assert_allclose(together[place], alone[0], atol=1e-4)


@pytest.mark.parametrize("name", [name for name, kind in RUNTIME_KINDS.items() if INT8 in kind.precisions])
def test_int8_is_small_and_near_the_original(name: str, files: NetworkFiles) -> None:
    images = np.random.default_rng(5).standard_normal((4, 3, SIDE, SIDE), dtype=np.float32)
    if name == "openvino":
        quantise_openvino(files.openvino("float32"), files.openvino(INT8), images)
    else:
        quantise_onnx(files.onnx("float32"), files.onnx(INT8), images)
    original, quantised = opened(name, files), opened(name, files, INT8)
    assert exported_mb(files, name, INT8) < 0.4 * exported_mb(files, name, "float32")
    placed = original.place(images[:1])
    expected, found = (one.probabilities(one.run(placed)) for one in (original, quantised))
    agreement = compare_outputs(expected, found)
    assert 0 < agreement.largest_difference < 0.2
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-3)
