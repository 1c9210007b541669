"""ONNX Runtime: the encoder as an ONNX graph, quantized by its own quantizer, and the format ``onnx``."""
