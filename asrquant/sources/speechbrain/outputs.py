"""What an encoder of SpeechBrain's ends in: log-probs, or logits, which most published ones leave to greedy decoding."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import SourceError

NAME = "log_softmax"
_NEAR = 1e-2


def is_normalized(outputs: torch.Tensor, source: str) -> bool:
    """Whether they are log-probs; else they are logits.

    Raises:
        SourceError: they are probabilities, in which rare labels are lost.
    """
    if (outputs.logsumexp(-1).abs() < _NEAR).all():
        return True
    if (outputs >= 0).all() and ((outputs.sum(-1) - 1).abs() < _NEAR).all():
        raise SourceError(
            f"{source} has an encoder that ends in probabilities; end it in log-probs (Softmax with apply_log: True)."
        )
    return False


def outputs_of(encoder: nn.Module) -> torch.Tensor:
    """[F, V] of a second of noise."""
    wave = torch.randn(1, SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        result: torch.Tensor = encoder(wave)[0]
    return result


def with_log_softmax(encoder: Any, source: str) -> nn.Module:
    """The encoder with one more layer at its end; its parts are shared, and their paths stay.

    Raises:
        SourceError: it is not one of SpeechBrain's sequences, of which it is known how they go on.
    """
    from speechbrain.nnet.containers import Sequential

    if not isinstance(encoder, Sequential):
        raise SourceError(
            f"{source} has an encoder (a {type(encoder).__name__}) that ends in logits; put it into a "
            "LengthsCapableSequential whose last layer is Softmax with apply_log: True."
        )
    longer: Any = copy.copy(encoder)
    longer._modules = dict(encoder._modules)
    longer.input_shape = None  # that of its first layer, for layers that are yet to be built
    for name in ("length_layers", "takes_lengths", "lengths_arg_names"):
        if hasattr(encoder, name):
            setattr(longer, name, list(getattr(encoder, name)))
    longer.append(nn.LogSoftmax(dim=-1), layer_name=NAME)
    return longer.eval()  # type: ignore[no-any-return]


def describe_log_softmax(node: Any) -> None:
    """The same layer, at the end of the sequence's YAML."""
    from ruamel.yaml import YAML

    layer = YAML().load("!new:torch.nn.LogSoftmax {dim: -1}")
    if isinstance(node, list):
        node.append(layer)
    else:
        node[NAME if NAME not in node else f"{NAME}_0"] = layer
