"""OpenVINO: the encoder converted, compiled for this processor, and quantized by NNCF."""
