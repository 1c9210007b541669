"""Encoders that are put together of parts which were quantized once: for whoever tries many mixtures of one float model.

What comes out is what ``engine.build`` makes, to the bit. A dynamic part depends on its float weights alone. The ranges of a
static part are those of the activations that reach it: it also depends on the clips, and on the parts before it that are dynamic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from torch import nn

from asrquant.engines.engine import Built, Job
from asrquant.engines.torch_eager.recipe import default_backend, quantize_encoder
from asrquant.engines.torch_eager.targets import resolve
from asrquant.model.engine_settings import TorchEager
from asrquant.model.modules import Roles, get_module, set_module
from asrquant.model.presets import Preset
from asrquant.model.sharing import copy_sharing_weights


@dataclass(frozen=True)
class _Made:
    """What a quantized part was made with: where one of these differs, it is another part.

    Attributes:
        path: of the module.
        settings: as far as they count for it.
        before: dynamic modules that the data reaches first; of a static part.
        clips: digest of those of the calibration; of a static part.
    """

    path: str
    settings: TorchEager
    before: tuple[str, ...] = ()
    clips: str = ""


@dataclass
class Parts:
    """Quantized parts of one float model, to be shared by the encoders that have them."""

    _kept: dict[_Made, nn.Module] = field(default_factory=dict)

    def build(self, job: Job) -> Built:
        """Quantize a copy of the recognizer's encoder, with the parts that are there already.

        Raises:
            PresetError: the preset does not fit the model or this machine.
        """
        settings = job.preset.settings_for(TorchEager)
        dynamic, static = resolve(job.preset, job.recognizer, job.recognizer.roles)
        backend = settings.backend or default_backend()
        encoder = copy_sharing_weights(job.recognizer.encoder)
        model = SimpleNamespace(mods=SimpleNamespace(encoder=encoder))
        paths = [layer for path in dynamic for layer in _layers(model, path)]
        alone = TorchEager(dynamic_dtype=settings.dynamic_dtype, backend=settings.backend)
        for index, path in enumerate(paths):
            job.progress("quantizing layers", index, len(paths))
            made = _Made(path, replace(alone, dynamic=(path,)))
            if made not in self._kept:
                self._quantize(model, [made], made.settings, job)
            set_module(model, path, self._kept[made])
        self._static(model, static, replace(settings, dynamic=(), static=(), ignored=()), paths, job)
        encoder.eval()
        return Built(encoder, backend)

    def _static(
        self, model: SimpleNamespace, static: tuple[str, ...], settings: TorchEager, dynamic: list[str], job: Job
    ) -> None:
        """Put the static parts in, those that are missing after one calibration of them all."""
        if not static:
            return
        order = {path: at for at, (path, _) in enumerate(model.mods.encoder.named_modules(prefix="encoder"))}
        heard = hashlib.sha256(b"".join(clip.samples.tobytes() for clip in job.calibration)).hexdigest()
        wanted = []
        for path in static:
            before = tuple(other for other in dynamic if order.get(other, -1) < order[path])
            dtype = settings.dynamic_dtype if before else "qint8"
            wanted.append(_Made(path, replace(settings, static=(path,), dynamic_dtype=dtype), before, heard))
        missing = [made for made in wanted if made not in self._kept]
        if missing:
            together = replace(settings, static=tuple(made.path for made in missing))
            self._quantize(model, missing, together, job)
        for made in wanted:
            set_module(model, made.path, self._kept[made])

    def _quantize(self, model: SimpleNamespace, parts: Iterable[_Made], settings: TorchEager, job: Job) -> None:
        """Quantize parts of an encoder in place, and keep them."""
        preset = Preset(job.preset.name, "", settings, job.preset.calibration)
        quantize_encoder(model.mods.encoder, preset, Roles(), job.calibration, job.progress)
        for made in parts:
            self._kept[made] = get_module(model, made.path)


def _layers(model: SimpleNamespace, path: str) -> list[str]:
    """The paths of a list's modules, or the path itself."""
    module = get_module(model, path)
    return [f"{path}.{name}" for name, _ in module.named_children()] if isinstance(module, nn.ModuleList) else [path]
