"""How an eager encoder becomes a file and comes back: TorchScript, and a state dict with its architecture."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import ArtifactError, AsrQuantError, ExportError, first_line
from asrquant.base.quiet import quietly
from asrquant.engines.engine import ARCHITECTURE, Format, Saved
from asrquant.engines.lengths import other_at_other_lengths
from asrquant.engines.torch_eager.recipe import quantize_encoder, use_backend
from asrquant.engines.torch_eager.saving import save_state
from asrquant.model.footprint import compact_state_dict, expand_state_dict
from asrquant.model.recognizer import Recognizer
from asrquant.sources.toolkits import skeleton

TRACE_SECONDS = 1


class TorchScript:
    """The traced encoder, wave [B, T] → log-probs [B, F, V], for every batch and length."""

    name = "torchscript"
    summary = "the encoder as one TorchScript file; runs with PyTorch alone, without asrquant or SpeechBrain"
    model_files = ("encoder.torchscript.pt",)
    library = "pytorch"
    script = Path(__file__).with_name("transcribe_torchscript.py")
    script_needs = "torch and soundfile"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Trace and save. Traced without ``wav_lens``: with them, the mask of one length would be baked in.

        Raises:
            ExportError: the encoder cannot be traced, or what it does cannot be written down.
        """
        try:
            traced = _traced(recognizer.encoder)
            contents = traced.save_to_buffer()
            reason = other_at_other_lengths(recognizer.encoder, traced)
        except AsrQuantError:
            raise
        except Exception as error:  # the tracer raises RuntimeError, TypeError, its own, and whatever the model does
            raise ExportError(
                f"TorchScript cannot trace {recognizer.source} ({first_line(error)}); {_advice(recognizer)}."
            ) from error
        if reason:
            raise ExportError(
                f"TorchScript cannot trace {recognizer.source}: the trace holds for one length only ({reason}), as of layers "
                f"that loop over frames; {_advice(recognizer)}."
            )
        # Not torch.jit.save: on a full disk its writer takes the whole process down.
        (folder / self.model_files[0]).write_bytes(contents)

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Load, with the recorded backend set while weights are packed."""
        with _backend(saved), quietly():
            _spend_the_deprecation_notice()
            encoder: nn.Module = torch.jit.load(folder / self.model_files[0], map_location="cpu")  # type: ignore[no-untyped-call]
        return encoder.eval()


def _advice(recognizer: Recognizer) -> str:
    known = recognizer.origin is not None and recognizer.origin.architecture
    return "use the format state-dict" if known else "an openvino preset may have a form for it"


def _traced(encoder: nn.Module) -> Any:
    if isinstance(encoder, torch.jit.ScriptModule):
        return encoder
    wave = torch.randn(1, TRACE_SECONDS * SAMPLE_RATE)
    with torch.no_grad(), quietly():  # deprecation, and branches on shapes: what was saved is compared anyway
        return torch.jit.trace(encoder, (wave,), check_trace=False)  # type: ignore[no-untyped-call]


def _spend_the_deprecation_notice() -> None:
    """PyTorch says of quantized tensors that they are deprecated: once, and out of TorchScript it prints that by itself."""
    torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)


class StateDict:
    """The encoder's state dict, quantized weights packed, and the architecture that it fits."""

    name = "state-dict"
    summary = "weights and scales under the model's own names, with the architecture; for use with asrquant"
    model_files = ("encoder.state_dict.pt",)
    library = "asrquant"
    script = Path(__file__).with_name("transcribe_asrquant.py")
    script_needs = "asrquant"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Save state dict and architecture.

        Raises:
            ExportError: the architecture is not known.
        """
        origin = recognizer.origin
        if isinstance(recognizer.encoder, torch.jit.ScriptModule) or origin is None or not origin.architecture:
            raise ExportError(
                "The architecture of this encoder is not on file, so it has no state dict; use torchscript."
            )
        (folder / ARCHITECTURE).mkdir()
        for name, contents in origin.architecture.items():
            (folder / ARCHITECTURE / name).write_bytes(contents)
        save_state(compact_state_dict(recognizer.encoder), folder / self.model_files[0])

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Build the encoder, quantize its modules with no ranges, and load the weights and ranges into it.

        Raises:
            ArtifactError: weights and architecture do not fit each other.
        """
        encoder = skeleton(saved.toolkit, folder / ARCHITECTURE)
        with _backend(saved), quietly():  # PyTorch warns of its own packed weights
            if saved.preset.settings is not None:
                encoder = self.quantized(encoder, saved)
            state: dict[str, Any] = torch.load(folder / self.model_files[0], map_location="cpu", weights_only=True)
            try:
                encoder.load_state_dict(expand_state_dict(state))
            except RuntimeError as error:  # the lines after the first name the weights
                said = " ".join(line.strip() for line in str(error).splitlines())[:300]
                raise ArtifactError(f"{self.model_files[0]} does not fit the architecture beside it: {said}") from error
        return encoder.eval()

    def quantized(self, encoder: nn.Module, saved: Saved) -> nn.Module:
        """The encoder with its modules quantized, with no ranges."""
        quantize_encoder(encoder, saved.preset, saved.roles, calibration=None)
        return encoder


FORMATS: tuple[Format, ...] = (TorchScript(), StateDict())


def _backend(saved: Saved) -> contextlib.AbstractContextManager[None]:
    return use_backend(saved.backend) if saved.backend else contextlib.nullcontext()
