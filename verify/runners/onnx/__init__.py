"""The port as an ONNX file in ONNX Runtime; importing any of this starts both."""
