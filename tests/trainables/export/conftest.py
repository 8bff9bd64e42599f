import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainables.export import onnx_model
from trainables.models.segmentation_model import SegmentationModel


@pytest.fixture(scope="package")
def traced_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have equal networks be traced once, and copy what came of it: tracing takes most of the time of an export."""
    folder = tmp_path_factory.mktemp("traced")
    trace = onnx_model.export_onnx

    def export_onnx(model: SegmentationModel, path: Path, *, size: int, dynamic: bool = False) -> None:
        digest = hashlib.sha256(repr((model, size, dynamic)).encode())
        for values in model.state_dict().values():
            digest.update(values.numpy().tobytes())
        kept = folder / f"{digest.hexdigest()}.onnx"
        if not kept.exists():
            trace(model, kept, size=size, dynamic=dynamic)
        shutil.copyfile(kept, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_model, "export_onnx", export_onnx)
        yield
