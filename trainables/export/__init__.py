"""Networks made ready for runtimes other than PyTorch, and how near the result is to the original.

`onnx_model` writes ONNX, from which `openvino_model` makes OpenVINO's own format; both quantise statically to int8
with the images of `calibration`. `agreement` compares outputs with the original's.
"""
