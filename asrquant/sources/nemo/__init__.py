"""NVIDIA NeMo's CTC models: a ``.nemo`` file or its unpacked folder → a recognizer of modules of our own, without NeMo."""
