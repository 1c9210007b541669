"""A shelf for whoever builds many mixtures of one float model: what two of them have in common is made once."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import filelock
from torch import nn

from asrquant.engines.engine import Built, Engine, Job
from asrquant.engines.torch_eager.parts import Parts
from asrquant.model.engine_settings import OpenVino, TorchEager

_PREFIX, _LOCK = "asrquant-search-", ".lock"
_INT8_MODELS = 2
"""Quantized models of OpenVINO's that stay at hand: the same computes in bfloat16 or in float32."""


def _room() -> tuple[tempfile.TemporaryDirectory[str], filelock.FileLock]:
    """A folder for gigabytes, and a lock that says that it is in use; those of processes that were killed go first."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_LOCK}"):
        with contextlib.suppress(filelock.Timeout, OSError), filelock.FileLock(path, timeout=0):
            shutil.rmtree(path.with_name(path.name.removesuffix(_LOCK)), ignore_errors=True)
            path.unlink(missing_ok=True)
    folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
    lock = filelock.FileLock(f"{folder.name}{_LOCK}")
    lock.acquire()
    return folder, lock


class Workshop:
    """A ``Shelf``, with the ``Steps`` of its builds, for as long as it is open; what it builds is what engines build, to the bit.

    - PyTorch's parts are quantized once a scheme, and shared by the encoders that have them.
    - ONNX Runtime's float model is exported and calibrated once, whatever is quantized of it then.
    - OpenVINO's float model is converted once. NNCF takes a model as a whole, so each choice of modules is calibrated anew, and
      compiled for each precision.
    """

    def __init__(self) -> None:
        """Nothing is built yet."""
        self._parts = Parts()
        self._folder, self._lock = _room()
        self._int8: dict[tuple[object, ...], nn.Module] = {}

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget all of it, and remove its files."""
        self._parts = Parts()
        self._int8.clear()
        self._folder.cleanup()
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def build(self, job: Job, engine: Engine) -> Built:
        """See ``Shelf.build``."""
        settings = job.preset.settings
        if isinstance(settings, TorchEager):
            return self._parts.build(job)
        job = replace(job, steps=self)
        if isinstance(settings, OpenVino) and settings.int8 and settings.max_drop is None:
            return self._openvino(job, settings, engine)
        return engine.build(job)

    def _openvino(self, job: Job, settings: OpenVino, engine: Engine) -> Built:
        from asrquant.engines.openvino.encoder import FromFiles, OpenVinoEncoder

        sounds = hashlib.sha256(b"".join(clip.samples.tobytes() for clip in job.calibration)).hexdigest()
        key = (replace(settings, precision="auto"), sounds)
        known = self._int8.pop(key, None)
        if isinstance(known, OpenVinoEncoder):
            encoder = OpenVinoEncoder(FromFiles(known.model, known.saved_bytes()), settings.precision)
            built = Built(encoder, encoder.settings())
        else:
            built = engine.build(job)
        self._int8[key] = built.encoder
        while len(self._int8) > _INT8_MODELS:
            del self._int8[next(iter(self._int8))]
        return built

    def finished(self, name: str) -> Path | None:
        """See ``Steps``."""
        folder = self._place(name)
        return folder if folder.is_dir() else None

    def keep(self, name: str, write: Callable[[Path], object]) -> Path | None:
        """See ``Steps``."""
        folder, begun = self._place(name), self._place(f"begun {name}")
        begun.mkdir(exist_ok=True)
        write(begun)
        begun.rename(folder)
        return folder

    def _place(self, name: str) -> Path:
        return Path(self._folder.name) / hashlib.sha256(name.encode()).hexdigest()
