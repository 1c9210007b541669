"""What a NeMo model's outputs mean: characters, or SentencePiece's pieces; the blank is the last."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from asrquant.base.errors import SourceError
from asrquant.sources.nemo.config import Said
from asrquant.text.vocabulary import Vocabulary

BLANK = "<blank>"
_SPECIAL = re.compile(r"\[.*\]|<.*>|##.*|▁.*|\s*")


def vocabulary(said: Said, small: Mapping[str, bytes]) -> Vocabulary:
    """The labels, what each adds to a transcript, and the punctuation that takes the space before it away.

    Raises:
        SourceError: there is no tokenizer that can be read, or it is for another number of outputs.
    """
    if said.tokenizer:
        labels, texts = _pieces(said, small)
    else:
        labels = texts = said.vocabulary
    outputs = said.architecture.outputs
    if len(labels) + 1 != outputs:
        raise SourceError(
            f"it has {outputs} outputs and {len(labels)} labels beside the blank, so what the outputs mean is not known; use the "
            "tokenizer that it was trained with."
        )
    return Vocabulary((*labels, BLANK), (*texts, ""), outputs - 1, punctuation=_punctuation(labels))


def _pieces(said: Said, small: Mapping[str, bytes]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    import sentencepiece

    kind = str(said.tokenizer.get("type", "")).lower()
    if kind != "bpe" or "custom_tokenizer" in said.tokenizer:
        raise SourceError(
            f"its tokenizer is of the type {kind[:40] or 'none'!r}; SentencePiece ('bpe') alone is supported."
        )
    name = str(said.tokenizer.get("model_path") or "tokenizer.model").removeprefix("nemo:").rpartition("/")[2]
    if name not in small:
        raise SourceError(f"it holds no {name[:80]}, which its configuration says the tokenizer is in.")
    try:
        tokenizer = sentencepiece.SentencePieceProcessor(model_proto=small[name])
    except (RuntimeError, ValueError) as error:
        raise SourceError(f"its tokenizer {name[:80]} is no SentencePiece model: {str(error)[:100]}.") from None
    size = range(tokenizer.vocab_size())
    if any(tokenizer.is_byte(index) for index in size):
        raise SourceError("its tokenizer spells rare characters as bytes, which is not supported here.")
    labels = tuple(tokenizer.id_to_piece(index) for index in size)
    texts = tuple(
        " \u2047 " if tokenizer.is_unknown(index) else "" if tokenizer.is_control(index) else label.replace("▁", " ")
        for index, label in enumerate(labels)
    )
    return labels, texts


def _punctuation(labels: Iterable[str]) -> str:
    """The characters before which NeMo takes one space away: those of its plain labels that Unicode calls punctuation."""
    plain = "".join(label for label in labels if not _SPECIAL.fullmatch(label))
    return "".join(sorted({letter for letter in plain if unicodedata.category(letter).startswith("P")}))
