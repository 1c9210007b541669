"""Text → the words and the characters that are compared, in every script.

``basic`` is built on Unicode's properties (the ``regex`` package): a word is letters and digits, each with the combining marks
that belong to it. Whisper's own basic normalizer is not used: it puts spaces in the place of combining marks, which cuts the
words of most scripts of India and South-East Asia at every vowel sign.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import regex

NORMALIZATIONS: Mapping[str, str] = {
    "none": "texts as they are",
    "basic": "capitals, no punctuation, for every script",
    "english": "Whisper's for English: numbers, contractions and titles alike too",
}
"""What can be done to a text before its words are counted."""


@dataclass(frozen=True)
class Normalization:
    """What is done to both texts before they are compared.

    Attributes:
        name: one of ``NORMALIZATIONS``.
        vowel_points: whether the points and signs that Hebrew, Arabic and Syriac may be written with (vowels, doubling,
            cantillation) count. They do unless told otherwise: two words that differ in them are two words.

    Raises:
        ValueError: there is no such normalization, or it cannot leave the points out.
    """

    name: str = "basic"
    vowel_points: bool = True

    def __post_init__(self) -> None:
        """Check."""
        if self.name not in NORMALIZATIONS:
            raise ValueError(f"There is no normalization {self.name!r}; take {', '.join(NORMALIZATIONS)}.")
        if not self.vowel_points and self.name != "basic":
            raise ValueError(f"The normalization {self.name!r} cannot leave vowel points out; 'basic' can.")

    def __str__(self) -> str:
        """Such as ``basic, without vowel points``."""
        return self.name + ("" if self.vowel_points else ", without vowel points")


BASIC = Normalization()
_SPECIAL = regex.compile(
    r"(<\|[^<>|\s]{1,40}\|>|</?[a-z_][a-z0-9_-]{0,30}>|\[(?:unk|pad|cls|sep|mask|bos|eos)\]|\u2047)", regex.IGNORECASE
)
"""Tokens that are no text, such as ``<unk>`` and ``</s>``; U+2047 is what SentencePiece writes for an unknown piece."""
_UNKNOWN_PIECE, _UNKNOWN = "\u2047", "<UNK>"

_APOSTROPHES = dict.fromkeys(map(ord, "’‘‛´`′‵ʼʻʽʹ՚׳＇｀᾽᾿ʹꞌꞋ"), "'")
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--[\u200c\u200d]]|\p{Me}|[\u0640\u07fa]")
"""Soft hyphens, zero-width spaces, marks of direction, variation selectors; frames around a sign; stretched Arabic and N'Ko."""
_JOINING = (
    r"\p{Arab}\p{Syrc}\p{Mong}\p{Nkoo}\p{Mand}\p{Adlm}\p{Rohg}\p{Deva}\p{Beng}\p{Guru}\p{Gujr}\p{Orya}\p{Taml}\p{Telu}"
    r"\p{Knda}\p{Mlym}\p{Sinh}\p{Khmr}\p{Mymr}\p{Tibt}"
)
_IDLE_JOINER = regex.compile(rf"[\u200c\u200d](?<!(?<=[{_JOINING}]\p{{M}}*)[\u200c\u200d]+(?=[{_JOINING}\p{{M}}]))")
"""ZWNJ and ZWJ that are not between two letters of a script that spells with them (UAX #31, 2.3)."""
_CHILLU = {"ണ്\u200d": "ൺ", "ന്\u200d": "ൻ", "ര്\u200d": "ർ", "ല്\u200d": "ൽ", "ള്\u200d": "ൾ", "ക്\u200d": "ൿ"}
"""Malayalam's final consonants as they were spelled before Unicode 5.1."""
_AM = regex.compile(r"([\u0e4d\u0ecd])([\u0e48-\u0e4b\u0ec8-\u0ecb]?)([\u0e32\u0eb2])")
"""Thai's and Lao's vowel AM, which NFKC takes apart."""
_POINTS = regex.compile(
    r"[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc"
    r"\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0730-\u074a\u08d3-\u08e1\u08e3-\u08ff]"
)
"""Vowel points and the like; not Arabic's madda and hamza (U+0653 to U+0655), which are parts of letters."""
_GERSHAYIM = regex.compile(r'(?<=\p{Hebr}\p{M}*)["״”“″](?=\p{Hebr})')
_UNIT = r"[\p{L}\p{N}\u104c-\u104f][[\p{M}\u200c\u200d]--\p{Me}]*"
"""A letter with its marks. Burmese's U+104C to U+104F are words of one sign, punctuation to Unicode only."""
_WORD = regex.compile(rf"(?V1){_UNIT}(?:(?:'+|״|(?<=[Ll])·(?=[Ll]))?{_UNIT})*")
"""Letters, with apostrophes, the gershayim of Hebrew's abbreviations and Catalan's point (l·l) between them."""
_SAID = regex.compile(r"[\p{L}\p{N}]")
_GEORGIAN = {0x1C90 + index: 0x10D0 + index for index in range(0x30)}
"""Capitals → the letters that Georgian is written in."""
_UNSPACED = (
    r"\p{scx=Hani}\p{scx=Hira}\p{scx=Kana}\p{Bopo}\p{Yiii}\p{Thai}\p{Laoo}\p{Khmr}\p{Mymr}\p{Lana}\p{Talu}\p{Tale}"
)
_FREE = regex.compile(rf"(?<=[{_UNSPACED}]\p{{M}}*) | (?=[{_UNSPACED}])")
"""A space beside a letter of a script that puts none between words: whoever writes one means no letter by it."""
_NO_SPACES = regex.compile(rf"[{_UNSPACED}]")
_FOREIGN = regex.compile(r"(?V1)[\p{L}--[\p{Latin}\p{Greek}\p{Common}\p{Inherited}]]")


def normalization(value: Normalization | str) -> Normalization:
    """A normalization, or the one of a name; raises as ``Normalization``."""
    return value if isinstance(value, Normalization) else Normalization(value)


def normalize_text(text: str, rules: Normalization | str = BASIC, dotless: bool | None = None) -> str:
    """What of a text is compared, words with single spaces between them.

    ``basic`` makes ``"DON'T STOP GO"`` of ``"Don't stop, go!"``. See ``docs/measuring.md`` for its rules.

    Args:
        text: as it was written or heard.
        rules: a normalization or its name.
        dotless: whether ``I`` is the capital of ``ı``, as in Turkish; None looks at the text, see ``has_dotless``.

    Raises:
        ValueError: there is no such normalization.
    """
    return _normalize(text, normalization(rules), has_dotless(text) if dotless is None else dotless)


def normalize_pair(first: str, second: str, rules: Normalization | str = BASIC) -> tuple[str, str]:
    """Both of two texts that are compared. If one of them shows that its ``I`` is a dotless one, so is the other's.

    Raises:
        ValueError: there is no such normalization.
    """
    rules, dotless = normalization(rules), has_dotless(first) or has_dotless(second)
    return _normalize(first, rules, dotless), _normalize(second, rules, dotless)


def has_dotless(text: str) -> bool:
    """Whether a text shows that its ``I`` is the capital of ``ı``: it has an ``İ`` or an ``ı``, which other languages have not.

    In a text that is normalized already, all but ``ı`` is in capitals, and its ``I`` has a dot.
    """
    text = unicodedata.normalize("NFC", text)
    return "İ" in text or ("ı" in text and any(sign.islower() and sign != "ı" for sign in text))


def has_words(text: str) -> bool:
    """Whether there is anything in a text that can be heard: a letter, a digit, or a token such as ``<unk>``."""
    return bool(normalize_text(text))


def fits(text: str, rules: Normalization) -> bool:
    """Whether a reference is in the language of the normalization: ``english`` cuts the words of other scripts to pieces."""
    return rules.name != "english" or not _FOREIGN.search(_SPECIAL.sub(" ", text))


def characters(normal: str) -> list[str]:
    """The characters of a normalized text that CER counts.

    A token such as ``<unk>`` is one. Spaces between words count, as they do for jiwer and ESPnet, but not beside a letter of a
    script that puts none between words.
    """
    pieces = _SPECIAL.split(_FREE.sub("", normal))
    return [sign for index, piece in enumerate(pieces) for sign in ([piece] if index % 2 else piece)]


def unspaced(signs: list[str]) -> int:
    """How many of these are of scripts that put no spaces between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese."""
    return sum(bool(_NO_SPACES.match(sign)) for sign in signs)


def _normalize(text: str, rules: Normalization, dotless: bool) -> str:
    if rules.name == "none":
        return " ".join(text.split())

    def words(part: str) -> str:
        return _basic(part, rules.vowel_points, dotless) if rules.name == "basic" else _in_english(part)

    pieces = _SPECIAL.split(text)
    done = [_token(piece) if index % 2 else words(piece) for index, piece in enumerate(pieces)]
    return " ".join(" ".join(done).split())


def _token(token: str) -> str:
    return _UNKNOWN if token == _UNKNOWN_PIECE else token.upper()


def _plain(text: str) -> str:
    """One kind of apostrophe, and nothing that is not seen."""
    seen: str = _INVISIBLE.sub("", text)
    return seen.translate(_APOSTROPHES)


def _basic(text: str, vowel_points: bool, dotless: bool) -> str:
    # The apostrophes before NFKC too: it makes a space and a combining mark of ´.
    text = _plain(unicodedata.normalize("NFKC", _plain(text)))
    for old, new in _CHILLU.items():
        text = text.replace(old, new)
    text = _AM.sub(lambda found: found[2] + ("ำ" if found[3] == "า" else "ຳ"), _IDLE_JOINER.sub("", text))
    if not vowel_points:
        text = _POINTS.sub("", text)
    text = _GERSHAYIM.sub("״", _capitals(text, dotless))
    return " ".join(_WORD.findall(text))


def _capitals(text: str, dotless: bool) -> str:
    """Capitals, but ``ı``, whose capital is that of ``i`` to Python.

    Args:
        text: in NFKC.
        dotless: whether ``I`` is the capital of ``ı``, as in Turkish, and not of ``i``.
    """
    text = text.replace("i\u0307", "i")  # what Python and JavaScript make of İ in small letters
    if dotless:
        text = text.replace("I", "ı")
    text = text.replace("İ", "I")
    text = "ı".join(part.upper() for part in text.split("ı"))
    return unicodedata.normalize("NFC", text.translate(_GEORGIAN))


def _in_english(text: str) -> str:
    # Whisper's leaves one of three dots, which is no word.
    return " ".join(word for word in _english()(_plain(text)).split() if _SAID.search(word))


@lru_cache(maxsize=1)
def _english() -> Callable[[str], str]:
    """Whisper's normalizer for English (Radford et al. 2022, appendix C), as transformers keeps it.

    Its list of British spellings comes with each of Whisper's models and not with the library: "colour" stays "colour".
    """
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    normalizer: Callable[[str], str] = EnglishTextNormalizer({})
    return normalizer
