"""Checkpoints are pickles, and a pickle can be code: while models load here, none of it runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asrquant.base.errors import UntrustedSourceError
from asrquant.base.quiet import quietly

_PICKLES, _NO_PICKLES = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_loading = threading.RLock()


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
