"""How a fused encoder becomes a file and comes back: as ``torch_eager``'s do, its modules made by the six steps."""

from __future__ import annotations

from torch import nn

from asrquant.base.errors import ArtifactError
from asrquant.engines.engine import Format, Saved
from asrquant.engines.torch_eager.formats import StateDict, TorchScript
from asrquant.engines.torch_fused import steps
from asrquant.sources.nemo.model import NemoCtc


class FusedStateDict(StateDict):
    """State dict and architecture; the modules are fused and converted before the weights are loaded."""

    def quantized(self, encoder: nn.Module, saved: Saved) -> nn.Module:
        """The encoder's modules as the steps leave them, with no ranges.

        Raises:
            ArtifactError: the architecture beside the weights is another one.
        """
        if not isinstance(encoder, NemoCtc) or steps.unfit(encoder):
            raise ArtifactError(
                "The architecture beside the weights has no blocks to fuse; the files do not belong together."
            )
        prepared = steps.prepare_model(encoder)
        steps.fuse_modules(prepared)
        steps.insert_stubs(prepared, saved.backend)
        steps.convert_model(prepared, saved.backend)
        return prepared


FORMATS: tuple[Format, ...] = (TorchScript(), FusedStateDict())
