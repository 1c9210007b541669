"""Log-probs → text, and the words that are wrong in it."""

from asrquant.text.decoders import DECODERS, decoders_for, make_decoder
from asrquant.text.metrics import WordErrors, word_errors
from asrquant.text.normalize import NORMALIZATIONS, Normalization, normalize_text
from asrquant.text.vocabulary import Decoder, Vocabulary, Word

__all__ = [
    "DECODERS",
    "NORMALIZATIONS",
    "Decoder",
    "Normalization",
    "Vocabulary",
    "Word",
    "WordErrors",
    "decoders_for",
    "make_decoder",
    "normalize_text",
    "word_errors",
]
