"""What a saved recognizer costs where it is used: time to load, memory at work.

``python -m asrquant.measure.deployment`` is the fresh process that it is measured in.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter

from asrquant.audio.clip import SAMPLE_RATE, Audio
from asrquant.base.fresh import answer, run_fresh
from asrquant.base.progress import Progress, silent
from asrquant.engines.engine import Saved
from asrquant.engines.registry import formats, get_format
from asrquant.model.recognizer import Recognizer

_SAVED, _WAVE = "saved.json", "wave.npy"


@dataclass(frozen=True)
class Deployment:
    """A saved encoder in a process of its own.

    Attributes:
        format: that it was saved in.
        load_seconds: from the files to an encoder that can be called; Python's imports are not counted.
        peak_bytes: the most memory that was resident while it ran a clip, Python and its libraries included; None where
            the system does not tell (it is Linux that does).
        base_bytes: what was resident before it was loaded: Python, PyTorch and this package; None as above.
        audio_seconds: length of the clip.
    """

    format: str
    load_seconds: float
    peak_bytes: int | None
    base_bytes: int | None
    audio_seconds: float

    @property
    def own_bytes(self) -> int | None:
        """Memory for the model, its engine and its work alone."""
        return None if self.peak_bytes is None or self.base_bytes is None else self.peak_bytes - self.base_bytes


def deploy(recognizer: Recognizer, audio: Audio, progress: Progress = silent) -> Deployment:
    """Save the encoder in the first format of its engine, load it in a fresh process and run a clip there.

    Args:
        recognizer: float or quantized.
        audio: a clip; the longer, the more memory.
        progress: called twice a second; may raise ``Cancelled``.

    Raises:
        ExportError: it cannot be saved.
        FreshProcessError: it could not be loaded or run there.
    """
    preset = recognizer.preset
    saved = Saved(preset, recognizer.backend, recognizer.roles, recognizer.origin.toolkit if recognizer.origin else "")
    form = formats(preset)[0]
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        progress("loading in a fresh process", 0, 1)
        form.save(recognizer, room)
        (room / _SAVED).write_bytes(_SAVED_AS_JSON.dump_json(saved))
        np.save(room / _WAVE, audio.samples)
        threads = str(torch.get_num_threads())
        printed = run_fresh(
            "asrquant.measure.deployment",
            [folder, form.name, threads],
            lambda: progress("loading in a fresh process", 0, 1),
        )
    return _AS_JSON.validate_json(printed.splitlines()[-1])


_SAVED_AS_JSON, _AS_JSON = TypeAdapter(Saved), TypeAdapter(Deployment)


def _measure(folder: Path, name: str) -> Deployment:
    saved = _SAVED_AS_JSON.validate_json((folder / _SAVED).read_bytes())
    wave = torch.from_numpy(np.load(folder / _WAVE, allow_pickle=False))[None]
    form = get_format(name, saved.preset)
    base = resident_bytes("VmRSS")
    begun = time.perf_counter()
    encoder = form.restore(folder, saved)
    load_seconds = time.perf_counter() - begun
    peak_starts_anew()
    with torch.inference_mode():
        encoder(wave)
    return Deployment(name, load_seconds, resident_bytes("VmHWM"), base, wave.shape[1] / SAMPLE_RATE)


def peak_starts_anew() -> None:
    """Forget the most memory that was resident so far; where the system does not know it, nothing happens."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5", encoding="ascii")


def resident_bytes(line: str) -> int | None:
    """``VmRSS``: memory that is resident now; ``VmHWM``: the most since ``peak_starts_anew``; None where nobody tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="ascii").splitlines()
    return next((int(found.split()[1]) * 1024 for found in lines if found.startswith(line)), None)


def main(folder: str, name: str, threads: str) -> int:
    """Measure what is in ``folder``; the last line of the output is the ``Deployment``."""
    return answer(threads, lambda: _AS_JSON.dump_json(_measure(Path(folder), name)).decode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
