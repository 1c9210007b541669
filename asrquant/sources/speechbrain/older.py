"""SpeechBrain's wrappers of transformers' models under the names that they had before, for files that were written then.

They are the classes of now; where a default was another one, it holds for who says nothing. A description that goes into
an artifact has the names of now.
"""

from __future__ import annotations

import importlib
import re
import sys
import types
from typing import Any

_NOW = "speechbrain.integrations.huggingface"
_CLASSES = {"Wav2Vec2": "wav2vec2", "HuBERT": "hubert", "WavLM": "wavlm", "W2VBert": "w2v_bert"}
_BEFORE_1_0 = "speechbrain.lobes.models.huggingface_wav2vec"
_CLASS = "HuggingFaceWav2Vec2"
_DEFAULTS = {"output_norm": True, "freeze": True}
"""Of versions before 1.0; today both are off. Only the first changes what is heard."""
_SHORT = re.compile(r"speechbrain\.(?:lobes\.models\.huggingface_transformers|integrations\.huggingface)\.(\w+)")


def ensure_older_names(text: str) -> None:
    """Let the names in a file that is about to be evaluated be found; SpeechBrain redirects the other ones itself."""
    if _BEFORE_1_0 in text and _BEFORE_1_0 not in sys.modules:
        module: Any = types.ModuleType(_BEFORE_1_0)
        setattr(module, _CLASS, _class_of_before())
        sys.modules[_BEFORE_1_0] = module
        importlib.import_module("speechbrain.lobes.models").huggingface_wav2vec = module  # type: ignore[attr-defined]
    for name in set(_SHORT.findall(text)) & _CLASSES.keys():
        package = importlib.import_module(_NOW)
        setattr(package, name, getattr(importlib.import_module(f"{_NOW}.{_CLASSES[name]}"), name))


def _class_of_before() -> type:
    from speechbrain.integrations.huggingface.wav2vec2 import Wav2Vec2

    class HuggingFaceWav2Vec2(Wav2Vec2):  # type: ignore[misc]
        def __init__(self, source: str, save_path: str, **settings: Any) -> None:
            super().__init__(source, save_path, **{**_DEFAULTS, **settings})

    return HuggingFaceWav2Vec2


def renew(lobe: Any) -> None:
    """Have a node of a file name the class of now, with the settings that the name of before stood for."""
    tag = str(lobe.tag.value)
    kind, _, path = tag.partition(":")
    if path == f"{_BEFORE_1_0}.{_CLASS}":
        for name, value in _DEFAULTS.items():
            lobe.setdefault(name, value)
        path = f"{_NOW}.wav2vec2.Wav2Vec2"
    elif match := _SHORT.fullmatch(path):
        path = f"{_NOW}.{_CLASSES[match[1]]}.{match[1]}"
    lobe.yaml_set_ctag(_ctag(f"{kind}:{path}"))


def _ctag(text: str) -> Any:
    from ruamel.yaml.tag import Tag

    return Tag(suffix=text)
