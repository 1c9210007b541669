"""What is a word, and what is a character, in every script."""

from __future__ import annotations

import random
import re

import jiwer
import pytest

from asrquant.base.errors import DatasetError
from asrquant.text.metrics import agreement, align_words, refuse_foreign, word_errors
from asrquant.text.normalize import (
    Normalization,
    characters,
    fits,
    has_words,
    normalize_pair,
    normalize_text,
    unspaced,
)

SOFT, ZWSP, ZWNJ, ZWJ = "\u00ad", "\u200b", "\u200c", "\u200d"


@pytest.mark.parametrize(
    "text",
    [
        "हिन्दी में लिखा है",
        "தமிழ் மொழி பேசுகிறேன்",
        "বাংলা ভাষায় কথা",
        "తెలుగు భాష",
        "മലയാളം ഭാഷ",
        "ਪੰਜਾਬੀ ਬੋਲੀ",
        "ගුරුවරයා කියයි",
        "ภาษาไทย",
        "ພາສາລາວ",
        "ភាសាខ្មែរ",
        "မြန်မာဘာသာ",
        "ཀ་ལེ".replace("་", " "),
        "كَتَبَ الوَلَدُ الدَّرْسَ",
        "שָׁלוֹם עֲלֵיכֶם",
        "नेपाली ॐ",
        "日本語のテキスト",
        "ქართული ენა",
        "ደህና ነህ",
    ],
)
def test_no_letter_is_cut_from_its_marks(text: str) -> None:
    normal = normalize_text(text)
    assert len(normal.split()) == len(text.split())
    assert normalize_text(normal) == normal
    errors = word_errors(text, text)
    assert (errors.wer, errors.cer) == (0, 0)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("किताब", "कताब"),  # all that differs is a vowel sign
        ("दिन", "दीन"),
        ("மணி", "மண"),
        ("কালো", "কাল"),
        ("ไม้", "ไม่"),  # a tone
        ("كَتَبَ", "كُتُبٌ"),
        ("שָׁם", "שֵׁם"),
        ("ısı", "isi"),
        ("kır", "kir"),
        ("İYİ", "IYI"),
        ("résumé", "resume"),
    ],
)
def test_different_words_differ(said: str, heard: str) -> None:
    errors = word_errors(said, heard)
    assert errors.wer == 100 and errors.cer > 0
    assert word_errors(heard, said).wer == 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("don't", f"don{sign}t") for sign in "’‘‛´`′ʼʻ＇"),
        ("ג׳ירפה", "ג'ירפה"),
        ('צה"ל', "צה״ל"),
        (f"co{SOFT}operate", "cooperate"),
        (f"zero{ZWSP}width", "zerowidth"),
        ("\ufeffHELLO", "hello"),
        ("\u200eשלום\u200f", "שלום"),
        (f"ab{ZWNJ}c", "abc"),  # no Latin word is spelled with it
        (f"کتاب{ZWNJ}", "کتاب"),  # nor does it end a word
        ("e\u0301te\u0301", "été"),
        ("ＡＢＣ１", "abc1"),
        ("ﬁne", "fine"),
        ("العـــربية", "العربية"),
        ("น\u0e4d\u0e49\u0e32", "น\u0e49\u0e33"),
        (f"അവന്{ZWJ}", "അവൻ"),
        ("i\u0307stanbul", "İstanbul"),  # what lower() makes of it
        ("İstanbul", "istanbul"),
        ("IŞIK", "ışık"),
        ("Irmak kıyısı", "ırmak kıyısı"),
        ("ΟΔΟΣ", "οδος"),
        ("Straße", "STRASSE"),
        ("¿Qué?", "qué"),
        ("नमस्ते।", "नमस्ते"),
        ("你好，世界。", "你好 世界"),
        ("❤️ yes", "yes"),
    ],
)
def test_the_same_words_are_the_same(one: str, other: str) -> None:
    assert word_errors(one, other).errors == 0 == word_errors(other, one).errors
    assert word_errors(one, other).cer == 0


def test_joiners_stay_where_a_script_spells_with_them() -> None:
    assert normalize_text(f"می{ZWNJ}خواهم") == f"می{ZWNJ}خواهم"
    assert normalize_text(f"क्{ZWJ}ष श्री{ZWNJ}मान्") == f"क्{ZWJ}ष श्री{ZWNJ}मान्"
    assert word_errors(f"می{ZWNJ}خواهم", "می خواهم").errors == 2  # one word, not two


def test_turkish_letters() -> None:
    assert normalize_text("ısı isi") == "ıSı ISI"
    assert normalize_pair("IRMAK", "ırmak") == ("ıRMAK", "ıRMAK")
    assert normalize_pair("I SAID", "i said") == ("I SAID", "I SAID")
    for text in ("Isınmış IŞIK istanbul", "DIŞ İŞİ", "ı", "I SAID IT"):
        assert normalize_text(normalize_text(text)) == normalize_text(text)


@pytest.mark.parametrize("token", ["<unk>", "<s>", "</s>", "<pad>", "<|endoftext|>", "[UNK]", "<SPOKEN_NOISE>"])
def test_a_special_token_is_one_token_and_no_letters(token: str) -> None:
    errors = word_errors("ONE TWO THREE", f"ONE {token} THREE")
    assert (errors.substitutions, errors.deletions, errors.insertions) == (1, 0, 0)
    assert errors.character_errors == 3  # TWO is three letters; the token is one
    assert word_errors("HELLO", f"hello{token}").insertions == 1
    assert characters(normalize_text(f"a {token}"))[-1] == token.upper()
    assert word_errors("UNK S", token).errors == 2
    for rules in ("basic", "english"):
        assert normalize_text(f"one {token}", rules).split()[-1] == token.upper()


def test_sentencepieces_sign_for_an_unknown_piece() -> None:
    assert normalize_text("one ⁇ three") == "ONE <UNK> THREE"


def test_vowel_points_count_unless_told_otherwise() -> None:
    without = Normalization("basic", vowel_points=False)
    for pointed, plain in (("كَتَبَ", "كتب"), ("שָׁלוֹם", "שלום"), ("مُحَمَّد", "محمد")):
        assert word_errors(pointed, plain).errors == 1
        assert word_errors(pointed, plain, without).errors == 0 == word_errors(pointed, plain, without).cer
    assert word_errors("आम", "अम", without).errors == 1  # no points, but vowels like others
    assert word_errors("أب", "اب", without).errors == 1  # hamza is a part of the letter
    assert str(without) == "basic, without vowel points" and str(Normalization()) == "basic"


def test_what_is_no_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no normalization 'whisper'; take none, basic, english"):
        normalize_text("a", "whisper")
    for name in ("none", "english"):
        with pytest.raises(ValueError, match=f"{name!r} cannot leave vowel points out"):
            Normalization(name, vowel_points=False)


def test_none_leaves_texts_as_they_are() -> None:
    assert normalize_text(" Don’t  stop! ", "none") == "Don’t stop!"
    assert word_errors("Stop!", "stop", "none").errors == 1
    assert word_errors("a b", "A b", "none").wer == 50


def test_english_is_whispers() -> None:
    said = "Mr. O'Neil won't pay twenty-one dollars, it’s 10% uh"
    assert word_errors(said, "mister o'neil will not pay $21 it is ten percent", "english").errors == 0
    assert word_errors(said, "mister o'neil will not pay $21 it is ten percent").errors > 0
    assert normalize_text("uh, um", "english") == "" and normalize_text("uh, um") == "UH UM"
    assert normalize_text("Um...", "english") == normalize_text("...", "english") == ""
    assert normalize_text("$5.50, 10%", "english") == "$5.50 10%"


def test_english_refuses_what_it_would_cut_to_pieces() -> None:
    rules = Normalization("english")
    assert fits("café <unk> 5 µm β", rules) and not fits("नमस्ते", rules) and fits("नमस्ते", Normalization())
    with pytest.raises(DatasetError, match="'english' is for one language, and 'नमस्ते' is in another script"):
        word_errors("नमस्ते", "नमस्ते", "english")
    with pytest.raises(DatasetError):
        refuse_foreign(["hello", "привет"], rules)


@pytest.mark.parametrize(
    ("said", "heard", "cer"),
    [
        ("你好世界", "你好视界", 25.0),
        ("今日はいい天気", "今日は天気", 100 * 2 / 7),
        ("สวัสดี", "สวัสด", 100 / 6),
        ("ສະບາຍດີ", "ສະບາຍດ", 100 / 7),
        ("សួស្តី", "សួស្ត", 100 / 6),
        ("မင်္ဂလာ", "မင်္ဂလ", 100 / 7),
    ],
)
def test_cer_is_the_main_figure_where_there_are_no_spaces(said: str, heard: str, cer: float) -> None:
    errors = word_errors(said, heard)
    assert errors.measure == "CER" and errors.rate == errors.cer == pytest.approx(cer)
    assert errors.wer == 100
    assert unspaced(characters(normalize_text(said))) == len(characters(normalize_text(said)))
    assert agreement(said, heard) > 50


@pytest.mark.parametrize("text", ["HELLO 世界 OUT THERE", "한국어 문장", "हिन्दी में", "xin chào", "שלום", ""])
def test_wer_is_it_elsewhere(text: str) -> None:
    assert word_errors(text, text).measure == "WER"


def test_spaces_count_between_words_but_not_in_scripts_without_them() -> None:
    assert characters("AB C") == ["A", "B", " ", "C"]
    assert characters("你好 世界 OK A") == [*"你好世界OK A"]
    assert word_errors("你好，世界", "你好世界").cer == 0
    assert word_errors("ภาษา ไทย", "ภาษาไทย").cer == 0
    assert word_errors("AB C", "ABC").cer == 25


def test_rates_of_several_clips_are_those_of_their_sums() -> None:
    both = word_errors("ONE TWO", "ONE") + word_errors("你好世界", "你好")
    assert (both.errors, both.reference_words, both.character_errors, both.reference_characters) == (2, 3, 4 + 2, 7 + 4)
    assert both.measure == "WER" and both.cer == pytest.approx(100 * 6 / 11)


@pytest.mark.parametrize("text", ["...", "?!", "—", " ", "", "´", "\u0301", "👍", f"{SOFT}{ZWSP}", "。", "'’"])
def test_there_are_no_words_in_signs(text: str) -> None:
    assert not has_words(text) and normalize_text(text) == ""
    errors = word_errors(text, "ONE")
    assert (errors.wer, errors.cer) == (None, None)


def test_english_is_normalized_as_it_always_was() -> None:
    """Figures of before stay comparable: ``basic`` does to Latin letters what a few ASCII rules do."""
    rng = random.Random(1)
    for _ in range(3000):
        text = "".join(rng.choices("abcXYZ 019'’-_.,!?\t\n\"()éüñß$%&#@:;/\\", k=rng.randint(0, 12)))
        capitals = re.sub(r"[^\w\s']|_", " ", text.upper().replace("’", "'"))
        assert normalize_text(text) == " ".join(word for each in capitals.split() if (word := each.strip("'")))


WORDS = {
    "latin": ["Don't", "co-op", "naïve", "résumé", "it’s", "O'Neil", "café", "Zoë"],
    "turkish": ["ısı", "isi", "İstanbul", "ışık", "kırmızı", "iyi", "çağ", "ılık"],
    "cyrillic": ["Привет", "мир", "ёлка", "й", "подъезд", "слово"],
    "greek": ["Ένα", "δύο", "τρεις", "ΟΔΟΣ", "λόγος"],
    "arabic": ["كَتَبَ", "كتاب", "مدرسة", "أب", "اب", "الدَّرْسَ"],
    "hebrew": ["שָׁלוֹם", "שלום", "עולם", "צה״ל", "ג׳ירפה"],
    "devanagari": ["हिन्दी", "किताब", "कताब", "में", "लिखा", "है", "नमस्ते।"],
    "tamil": ["தமிழ்", "மொழி", "மண", "மணி", "பேசு"],
    "hangul": ["한국어", "문장", "단어", "사람", "나라"],
    "han": ["你好", "世界", "中国", "天气", "今天"],
    "thai": ["ภาษา", "ไทย", "ไม้", "ไม่", "น้ำ", "สวัสดี"],
    "kana": ["これ", "は", "テキスト", "です", "スーパー"],
}
UNSPACED = {"han", "thai", "kana"}


@pytest.mark.parametrize("script", WORDS)
def test_counts_as_jiwer_does(script: str) -> None:
    """500 pairs over the scripts: whoever normalizes first and lets jiwer count finds the same rates."""
    rng = random.Random(script)
    for _ in range(500 // len(WORDS) + 1):
        reference = " ".join(rng.choices(WORDS[script], k=rng.randint(1, 9)))
        hypothesis = " ".join(rng.choices(WORDS[script], k=rng.randint(0, 9)))
        errors = word_errors(reference, hypothesis)
        said, heard = normalize_pair(reference, hypothesis)
        assert errors.wer == pytest.approx(100 * jiwer.wer(said, heard))
        if script in UNSPACED:
            said, heard = said.replace(" ", ""), heard.replace(" ", "")
        assert errors.cer == pytest.approx(100 * jiwer.cer(said, heard))
        assert errors.measure == ("CER" if script in UNSPACED else "WER")
        words = align_words(reference, hypothesis)
        assert sum(edit.operation != "=" for edit in words) == errors.errors
