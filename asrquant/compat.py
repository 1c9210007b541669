"""What has to be right in the surroundings before a model can be loaded."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

from asrquant.errors import UntrustedSourceError
from asrquant.quiet import quietly

_PICKLES, _NO_PICKLES = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_loading = threading.RLock()


def on_a_space() -> bool:
    """Whether this runs as a Hugging Face Space, which is open to anyone."""
    return bool(os.environ.get("SPACE_ID"))


@contextmanager
def loading_weights() -> Iterator[None]:
    """One model at a time, quietly, and no code from pickles: while this lasts, every ``torch.load`` takes weights only.

    SpeechBrain leaves that to PyTorch's default, and a keyword of transformers' switches it off, so PyTorch is told here.

    Raises:
        UntrustedSourceError: the environment asks for pickles to be run.
    """
    if os.environ.get(_PICKLES, "0").lower() not in ("", "0", "no", "false"):
        raise UntrustedSourceError(
            f"{_PICKLES} is set, which lets PyTorch run the code in a checkpoint; unset it, and no model needs it here."
        )
    with _loading, quietly():
        before = os.environ.get(_NO_PICKLES)
        os.environ[_NO_PICKLES] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_NO_PICKLES]
            else:
                os.environ[_NO_PICKLES] = before


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
