"""PyTorch's eager mode: SpeechBrain's recipe, presets made of its parts, and the formats TorchScript and state dict."""
