"""What quantizing changed in an encoder, as a file: all else is the float model's, which is in memory anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.base.errors import ArtifactError
from asrquant.base.quiet import quietly
from asrquant.engines.engine import Kept, Saved
from asrquant.engines.torch_eager.recipe import quantize_encoder, use_backend
from asrquant.engines.torch_eager.saving import save_state
from asrquant.model.footprint import compact_state_dict, expand_state_dict
from asrquant.model.recognizer import Recognizer
from asrquant.model.sharing import copy_sharing_weights

_FILE = "quantized.state_dict.pt"


class ChangedWeights:
    """The state dict without the parameters, which quantized modules do not have: packed weights, scales, buffers."""

    name = "changed-weights-1"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write them."""
        state = compact_state_dict(recognizer.encoder)
        for name, _ in recognizer.encoder.named_parameters(remove_duplicate=False):
            state.pop(name, None)
        save_state(state, folder / _FILE)

    def restore(self, folder: Path, saved: Saved, original: nn.Module) -> nn.Module:
        """Quantize a copy of the original's modules with no ranges, and load weights and ranges into it.

        Raises:
            ArtifactError: they do not fit the original.
            PresetError: this machine lacks the backend.
        """
        encoder = copy_sharing_weights(original)
        with use_backend(saved.backend), quietly():
            quantize_encoder(encoder, saved.preset, saved.roles, calibration=None)
            state: dict[str, Any] = torch.load(folder / _FILE, map_location="cpu", weights_only=True, mmap=True)
            state.update(_shared(encoder, original, state))  # which leaves it its versions of modules, unlike a new one
            try:
                encoder.load_state_dict(expand_state_dict(state))
            except RuntimeError as error:
                raise ArtifactError(f"{_FILE} does not fit the float model: {str(error)[:300]}") from error
        return encoder.eval()


def _shared(encoder: nn.Module, original: nn.Module, state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What the encoder has of the original's, which nothing may be written to."""
    own = {id(tensor) for tensor in (*original.parameters(), *original.buffers())}
    shared: dict[str, torch.Tensor] = dict(encoder.named_parameters(remove_duplicate=False))
    for name, buffer in encoder.named_buffers(remove_duplicate=False):
        if id(buffer) in own:
            if name in state and not torch.equal(state[name], buffer):
                raise ArtifactError(f"{_FILE} does not fit the float model: it has another {name}.")
            shared[name] = buffer
    known = encoder.state_dict().keys()
    return {name: tensor for name, tensor in shared.items() if name in known}


CHANGED_WEIGHTS: Kept = ChangedWeights()
