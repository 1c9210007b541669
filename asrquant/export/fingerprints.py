"""Digests of all that a built encoder depends on: where one of these differs, it is another encoder."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from asrquant.audio.clip import Audio
from asrquant.base.versions import installed
from asrquant.engines.engine import Job
from asrquant.model.recognizer import Recognizer

_LIBRARIES = ("torch", "numpy", "speechbrain", "transformers", "openvino", "nncf", "onnxruntime", "onnx")
_ROOMS = ("audio", "base", "engines", "model", "sources", "text")
"""Whose code makes what is built."""
_KNOWN = frozenset({"torch", "speechbrain", "transformers", "asrquant"})
"""Whose classes are what their version says."""
_digests: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()


def build_key(job: Job, form: str) -> str | None:
    """Of a built encoder; None where code made the float model that may be another the next time.

    Args:
        job: that it is built for.
        form: of its files.
    """
    if (model := _model(job.recognizer)) is None:
        return None
    preset = replace(job.preset, name="", summary="")
    validation = [(each.reference, _sound([each.audio])) for each in job.validation]
    decoder = job.recognizer.decoder.name if validation else ""
    return _digest(form, model, preset, _sound(job.calibration), validation, decoder)


def step_key(recognizer: Recognizer, name: str) -> str | None:
    """Of what a step made of a float model; None as above."""
    model = _model(recognizer)
    return None if model is None else _digest(name, model)


def _model(recognizer: Recognizer) -> str | None:
    """The float model: its modules, and every one of its weights."""
    encoder = recognizer.encoder
    if any(type(module).__module__.partition(".")[0] not in _KNOWN for module in encoder.modules()):
        return None
    if encoder not in _digests:
        _digests[encoder] = _digest(str(encoder), _weights(encoder), recognizer.roles)
    return _digests[encoder]


def _weights(encoder: nn.Module) -> list[tuple[str, str, str]]:
    """Name, shape and type, and digest of each. What lies in the files is not asked, as they may name others elsewhere."""
    tensors = [(name, tensor) for name, tensor in encoder.state_dict().items() if isinstance(tensor, torch.Tensor)]
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        digests = pool.map(_bytes_digest, (tensor for _, tensor in tensors))
        return [
            (name, f"{tensor.dtype} {tuple(tensor.shape)}", digest)
            for (name, tensor), digest in zip(tensors, digests, strict=True)
        ]


def _bytes_digest(tensor: torch.Tensor) -> str:
    contents: Any = tensor.contiguous().flatten().view(torch.uint8).numpy()
    return hashlib.sha256(contents).hexdigest()


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr((parts, _here())).encode()).hexdigest()


def _sound(clips: Sequence[Audio]) -> list[str]:
    return [hashlib.sha256(clip.samples.tobytes()).hexdigest() for clip in clips]


@cache
def _here() -> tuple[str, ...]:
    """What builds: the processor's kind, which sums are formed by, the libraries, and this package's own code."""
    found = [platform.machine(), torch.backends.cpu.get_cpu_capability(), platform.python_version()]
    for library in _LIBRARIES:
        there = installed(library)
        found.append(f"{library} {there}" if there else f"no {library}")
    package, code = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for room in _ROOMS for path in (package / room).rglob("*.py")):
        code.update(path.read_bytes())
    return (*found, code.hexdigest())
