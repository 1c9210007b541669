"""Static quantization of blocks of convolution and norm, fused first, as NeMo's users do it in six steps."""
