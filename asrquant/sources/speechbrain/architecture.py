"""The architecture of an encoder, without its weights, as SpeechBrain writes it: a YAML file that builds it again.

``describe`` takes what ``modules: encoder`` needs out of a ``hyperparams.yaml``, references resolved; ``build`` makes the encoder
from that, with random weights. A YAML file of SpeechBrain's is code, so ``build`` has it vetted first.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from asrquant.base.quiet import quietly
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.sources.speechbrain.older import renew
from asrquant.sources.speechbrain.outputs import describe_log_softmax
from asrquant.sources.speechbrain.vetting import ENCODER, is_lobe, refuse_code, refuse_tags

FILE = "architecture.yaml"
_patching = threading.Lock()


def describe(yaml: Path, encoder: nn.Module, adds_log_softmax: bool = False) -> dict[str, bytes]:
    """What ``build`` needs, as file name → contents.

    Args:
        yaml: the model's ``hyperparams.yaml``.
        encoder: built from it; knows the configuration that a lobe took from a model hub.
        adds_log_softmax: whether the encoder has that layer besides what the file says.

    Returns:
        No files if the YAML does not say what the encoder is.
    """
    from hyperpyyaml import resolve_references
    from ruamel.yaml import YAML

    with yaml.open(encoding="utf-8") as stream:
        tree = YAML().load(resolve_references(stream))
    node = (tree.get("modules") or {}).get("encoder")
    if node is None:
        return {}
    if adds_log_softmax:
        describe_log_softmax(node)
    files: dict[str, bytes] = {}
    for lobe in _lobes(node):
        lobe["source"] = lobe["save_path"] = "."  # where it lay on this machine is nobody's business
        renew(lobe)
    for module in encoder.modules():
        backbone: Any = getattr(module, "model", None)
        if hasattr(module, "feature_extractor") and hasattr(backbone, "config"):
            files["config.json"] = _json(backbone.config)
            files["preprocessor_config.json"] = _json(module.feature_extractor)
    text = io.StringIO()
    YAML().dump({"encoder": node}, text)
    lines = [line for line in text.getvalue().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {FILE: "\n".join([*lines, ""]).encode(), **files}


def build(folder: Path) -> nn.Module:
    """The encoder that the files in ``folder`` describe, with random weights, ready for a state dict.

    Raises:
        UntrustedSourceError: the description would do something else than construct known layers.
    """
    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml
    from ruamel.yaml import YAML

    folder = folder.resolve()
    text = (folder / FILE).read_text(encoding="utf-8")
    refuse_tags(text, ENCODER, FILE)
    tree = YAML().load(text)
    lobes = list(_lobes(tree))
    for lobe in lobes:
        lobe["source"] = lobe["save_path"] = str(folder)
    filled = io.StringIO()
    YAML().dump(tree, filled)
    refuse_code(filled.getvalue(), ENCODER, FILE, [folder])
    with _without_weights() if lobes else nullcontext():  # SpeechBrain's integrations are slow to import
        encoder: nn.Module = load_hyperpyyaml(filled.getvalue())["encoder"]
    return encoder.eval()


def _lobes(node: Any) -> Iterator[Any]:
    """SpeechBrain's wrappers of transformers' models, which would ask a hub for their configuration."""
    if isinstance(node, dict):
        if is_lobe(str(getattr(getattr(node, "tag", None), "value", ""))):
            yield node
        for child in node.values():
            yield from _lobes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _lobes(child)


def _json(configuration: Any) -> bytes:
    settings = configuration.to_dict()
    settings.pop("_name_or_path", None)
    return (json.dumps(settings, indent=1, sort_keys=True, default=str) + "\n").encode()


@contextmanager
def _without_weights() -> Iterator[None]:
    """While this lasts, SpeechBrain's lobes quietly take a model's configuration and leave its weights random."""
    from speechbrain.integrations.huggingface.huggingface import HFTransformersInterface as Lobe

    def from_config(lobe: Any, *_: Any, **__: Any) -> None:
        lobe.model = lobe.auto_class.from_config(lobe.config)

    with _patching, quietly():
        original, Lobe._from_pretrained = Lobe._from_pretrained, from_config
        try:
            yield
        finally:
            Lobe._from_pretrained = original
