"""OpenVINO on the CPU."""

from typing import Any, ClassVar

from trainables.runtimes.array_runtime import ArrayRuntime
from trainables.runtimes.openvino_core import openvino_core

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
"""With int8 the layers that are not quantised are computed in OpenVINO's own choice for the processor."""


class OpenVino(ArrayRuntime):
    """A network in OpenVINO's format, compiled for each shape of images when it first comes."""

    compiles_batch_sizes: ClassVar[bool] = True

    def load(self) -> None:
        """Read the network."""
        self._network = openvino_core().read_model(self.files.openvino(self.circumstances.precision))
        self._requests: dict[tuple[int, ...], Any] = {}

    def compile(self) -> None:
        """Compile for one image."""
        side = self.files.config.crop_size
        self._request((1, 3, side, side))

    def run(self, placed: Any) -> Any:
        """Probabilities, as an array that the next run writes over."""
        request = self._request(placed.shape)
        return request.infer([placed], share_inputs=True, share_outputs=True)[0]

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._requests:
            # A fixed shape lets it choose kernels for it.
            self._network.reshape(list(shape))
            settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": self.threads()}
            if self.circumstances.precision in _HINTS:
                settings["INFERENCE_PRECISION_HINT"] = _HINTS[self.circumstances.precision]
            compiled = openvino_core().compile_model(self._network, "CPU", settings)
            self._requests[shape] = compiled.create_infer_request()
        return self._requests[shape]
