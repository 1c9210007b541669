"""What quantizing changed in an encoder, as a file: all else is the float model's, which is in memory anyway."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from asrquant.base.errors import ArtifactError
from asrquant.base.quiet import quietly
from asrquant.engines.engine import Kept, Saved
from asrquant.engines.torch_eager.recipe import quantize_encoder, use_backend
from asrquant.engines.torch_eager.saving import save_state
from asrquant.engines.torch_eager.targets import resolve
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
            emptied = _empty(encoder, saved)
            quantize_encoder(encoder, saved.preset, saved.roles, calibration=None)
            state: dict[str, Any] = torch.load(folder / _FILE, map_location="cpu", weights_only=True, mmap=True)
            state.update(_shared(encoder, original, state))  # which leaves it its versions of modules, unlike a new one
            try:
                encoder.load_state_dict(expand_state_dict(state))
            except RuntimeError as error:
                raise ArtifactError(f"{_FILE} does not fit the float model: {str(error)[:300]}") from error
        for path, linear in emptied.items():
            _fill(encoder.get_submodule(path), linear, state[f"{path}._packed_params._packed_params"][0])
        return encoder.eval()


def _empty(encoder: nn.Module, saved: Saved) -> dict[str, nn.Linear]:
    """Put linear layers of one weight in the place of those that become dynamic ones; returns these by their path.

    Their own weights would be quantized and packed for nothing, as the file's take their place.
    """
    dynamic, _ = resolve(saved.preset, SimpleNamespace(mods=SimpleNamespace(encoder=encoder)), saved.roles)
    emptied: dict[str, nn.Linear] = {}
    for path, module in list(encoder.named_modules(prefix="encoder", remove_duplicate=False)):
        if type(module) is nn.Linear and any(f"{path}.".startswith(f"{part}.") for part in dynamic):
            parent, _, name = path.partition(".")[2].rpartition(".")
            setattr(encoder.get_submodule(parent), name, nn.Linear(1, 1, bias=module.bias is not None))
            emptied[path.partition(".")[2]] = module
    return emptied


def _fill(quantized: Any, linear: nn.Linear, weight: torch.Tensor) -> None:
    """Tell a quantized layer the size of the float one, which its weights must have."""
    if weight.shape != linear.weight.shape:
        raise ArtifactError(f"{_FILE} does not fit the float model: a weight is {tuple(weight.shape)}.")
    quantized.in_features, quantized.out_features = linear.in_features, linear.out_features


def _shared(encoder: nn.Module, original: nn.Module, state: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What the encoder has of the original's, which nothing may be written to."""
    own = {id(tensor) for tensor in (*original.parameters(), *original.buffers())}
    shared: dict[str, torch.Tensor] = dict(encoder.named_parameters(remove_duplicate=False))
    for name, buffer in encoder.named_buffers(remove_duplicate=False):
        if id(buffer) in own and name in state:  # others are no part of a state dict
            if not torch.equal(state[name], buffer):
                raise ArtifactError(f"{_FILE} does not fit the float model: it has another {name}.")
            shared[name] = buffer
    return shared


CHANGED_WEIGHTS: Kept = ChangedWeights()
