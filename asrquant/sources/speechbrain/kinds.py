"""Models of SpeechBrain's that are no ``EncoderASR``, refused by what they are and not by a line of theirs that is not known."""

from __future__ import annotations

import re
from typing import Any

from asrquant.base.errors import SourceError
from asrquant.sources.speechbrain.nodes import walk

_WHISPER = re.compile(
    r"!(new|name):speechbrain\.\S*\b(whisper\.Whisper|huggingface_whisper\.HuggingFaceWhisper|S2SWhisper\w*)"
)
_TRANSDUCER = re.compile(
    r"!(new|name):speechbrain\.\S*\b(Transducer_joint|Transducer\w*Searcher|transducer_joint\.\w+)"
)
_ATTENTION = re.compile(r"!(new|name):speechbrain\.\S*\bS2S\w*Searcher")
_ADVICE = "asrquant runs EncoderASR, whose encoder's outputs are decoded by CTC; use such a model."


def refuse_other_kinds(text: str, what: str) -> None:
    """Check that a ``hyperparams.yaml`` is not of a model of another kind; nothing in it is evaluated.

    Args:
        text: of the file.
        what: it is, for the error.

    Raises:
        SourceError: says which kind.
    """
    from ruamel.yaml import YAML

    root = YAML().compose(text)
    top = _keys(root)
    if "decoding_function" in top:
        return
    tags = "\n".join(str(node.tag) for node in walk(root))
    if _WHISPER.search(tags):
        raise SourceError(f"{what} is of a Whisper model, which writes its text by attention; {_ADVICE}")
    if _TRANSDUCER.search(tags):
        raise SourceError(f"{what} is of a transducer; {_ADVICE}")
    if "decoder" in _keys(top.get("modules")) or _ATTENTION.search(tags):
        raise SourceError(f"{what} is of an EncoderDecoderASR, which writes its text by attention; {_ADVICE}")


def _keys(node: Any) -> dict[str, Any]:
    pairs = node.value if node is not None and isinstance(node.value, list) else ()
    return {str(pair[0].value): pair[1] for pair in pairs if isinstance(pair, tuple)}
