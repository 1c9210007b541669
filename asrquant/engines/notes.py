"""What a preset becomes on a processor that it was not made for, where it can be carried out all the same."""

from __future__ import annotations

from asrquant.engines.torch_eager.recipe import instead
from asrquant.model.engine_settings import TorchFused
from asrquant.model.presets import Preset


def note(preset: Preset) -> str:
    """A sentence on other kernels than the preset names; empty where it takes its own."""
    if not isinstance(preset.settings, TorchFused):
        return ""
    wanted = preset.settings.backend
    taken = instead(preset, wanted)
    if taken == wanted:
        return ""
    return f"Here with the kernels {taken} in the place of {wanted}, which are for x86; not tried on ARM."
