"""ONNX Runtime on the CPU."""

from typing import Any

from trainables.runtimes.array_runtime import ArrayRuntime


class OnnxRuntime(ArrayRuntime):
    """An ONNX file; reading and optimising it is one call, which counts as compiling."""

    def load(self) -> None:
        """Read the file."""
        self._content = self.files.onnx(self.circumstances.precision).read_bytes()

    def compile(self) -> None:
        """Optimise the graph for this processor."""
        import onnxruntime

        # On Windows it sends usage data.
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads()
        options.inter_op_num_threads = 1
        # Waiting threads must leave the processor to whoever is measured next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(self._content, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        del self._content

    def run(self, placed: Any) -> Any:
        """Probabilities, as an array."""
        return self._session.run(None, {self._input: placed})[0]
