"""The networks of the project: one architecture per file, found by the name it registers itself under.

A new architecture is one more file in this folder whose `SegmentationModel` carries
`@register_model("its_name")`. Importing this package loads no torch; `create_model` does.
"""

from trainables.models.registry import create_model, model_names, register_model

__all__ = ["create_model", "model_names", "register_model"]
