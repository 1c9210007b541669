"""What a processor says: how a wave is prepared, and what the outputs mean."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from asrquant.audio.clip import SAMPLE_RATE
from asrquant.base.errors import SourceError
from asrquant.text.vocabulary import Vocabulary, tidy

_EXTRACTOR = "Wav2Vec2FeatureExtractor"
_PROBES, _LONGEST = 50, 24


@dataclass(frozen=True)
class Preparation:
    """What a feature extractor does to a clip that is alone in its batch.

    Its ``padding_value`` and ``return_attention_mask`` are about padding, of which such a clip has none.

    Attributes:
        normalize: zero mean, unit variance over the clip.
    """

    normalize: bool


def preparation(extractor: Any, source: str) -> Preparation:
    """What has to be done to a wave.

    Raises:
        SourceError: something else than asrquant does.
    """
    if type(extractor).__name__ != _EXTRACTOR:
        raise SourceError(
            f"{source} prepares its input with a {type(extractor).__name__}; asrquant runs models that take a raw wave, whose "
            f"processor has a {_EXTRACTOR}."
        )
    if extractor.sampling_rate != SAMPLE_RATE:
        raise SourceError(
            f"{source} is for sound at {extractor.sampling_rate} Hz (sampling_rate of its processor), and asrquant's clips have "
            f"{SAMPLE_RATE} Hz; use a model for {SAMPLE_RATE} Hz."
        )
    return Preparation(bool(extractor.do_normalize))


def vocabulary(tokenizer: Any, outputs: int, source: str) -> Vocabulary:
    """What a model's outputs mean; the padding token is CTC's blank, as transformers has it.

    Args:
        tokenizer: the processor's.
        outputs: how many the model has.
        source: as it was asked for.

    Raises:
        SourceError: it is not a tokenizer for CTC, is for another number of outputs, or joins its tokens in a way of its own.
    """
    blank = tokenizer.pad_token_id
    if blank is None:
        raise SourceError(
            f"The tokenizer is a {type(tokenizer).__name__} without a padding token, which CTC's blank is."
        )
    _refuse_other_size(tokenizer, outputs, source)
    texts = tuple("" if index == blank else _text(tokenizer, index, outputs) for index in range(outputs))
    names = [str(tokenizer.convert_ids_to_tokens(index)) for index in range(outputs)]
    # The searches know the space between words by its text, and write labels, not texts.
    labels = tuple(" " if text.isspace() else text or name for text, name in zip(texts, names, strict=True))
    made = Vocabulary(labels, texts, int(blank))
    _refuse_other_texts(tokenizer, made, source)
    return made


def _refuse_other_size(tokenizer: Any, outputs: int, source: str) -> None:
    known = {index: token for token, index in tokenizer.get_vocab().items()}
    nameless = [index for index in range(outputs) if index not in known]
    added = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    # Tokens that only training uses are often numbered after the outputs.
    beyond = [token for index, token in known.items() if index >= outputs and token not in added]
    if nameless or beyond or tokenizer.pad_token_id >= outputs:
        raise SourceError(
            f"{source} has {outputs} outputs and a tokenizer of {len(known)} tokens, so what the outputs mean is not known; "
            "use the tokenizer that it was trained with."
        )


def _text(tokenizer: Any, index: int, outputs: int) -> str:
    """What an output adds to a transcript: what the tokenizer itself writes between two others."""
    others = [other for other in range(outputs) if other != index and tokenizer.decode([other]).strip()]
    if len(others) < 2:
        return str(tokenizer.decode([index]))
    before, after = others[0], others[1]
    whole = str(tokenizer.decode([before, index, after]))
    first, last = str(tokenizer.decode([before])), str(tokenizer.decode([after]))
    if whole.startswith(first) and whole.endswith(last) and len(whole) >= len(first) + len(last):
        return whole[len(first) : len(whole) - len(last)]
    return str(tokenizer.decode([index]))


def _refuse_other_texts(tokenizer: Any, made: Vocabulary, source: str) -> None:
    """Compare what is written here with the tokenizer's own ``decode``, on outputs as CTC has them, repeats and blanks too."""
    empty = [made.labels[index] for index, text in enumerate(made.texts) if not text and index != made.blank_index]
    chance = random.Random(0)
    for length in range(_PROBES):
        frames = [chance.randrange(len(made.texts)) for _ in range(1 + length % _LONGEST)]
        frames = [index for index in frames for _ in range(chance.choice((1, 1, 2)))]
        own = tidy(str(tokenizer.decode(frames)))
        ours = made.to_text([index for index, _ in groupby(frames) if index != made.blank_index])
        if own != ours or empty:
            why = f"writes nothing for {empty[0]!r}" if empty else f"writes {own!r} where joined labels give {ours!r}"
            raise SourceError(
                f"{source} has a {type(tokenizer).__name__} that {why}; asrquant has no decoder that writes so."
            )
