"""A stand-in for the compiled part of torchaudio, where it does not fit the build of torch."""

from __future__ import annotations

import importlib
import sys
import types


def ensure_torchaudio() -> None:
    """Make ``import torchaudio`` work beside a CPU build of torch.

    torchaudio's Linux wheel links its compiled extension against CUDA, so beside a CPU build of torch the import ends in
    ``OSError``. SpeechBrain uses only the pure-Python part of torchaudio. Where the extension does not load, a stand-in
    for ``torchaudio._extension`` says so, which is what torchaudio's own source builds without the extension do;
    where it loads, nothing is touched.

    Raises:
        ImportError: torchaudio is not installed.
    """
    try:
        importlib.import_module("torchaudio")
        return
    except OSError:
        pass
    for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
        del sys.modules[name]
    absent = types.ModuleType("torchaudio._extension")
    absent.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=lambda function: function,
        _check_cuda_version=lambda: None,
    )
    sys.modules[absent.__name__] = absent
    importlib.import_module("torchaudio")
