"""What goes with the weights of an artifact: decoder, n-gram, licences, the program that transcribes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from asrquant.engines.engine import Format, PageFormat
from asrquant.export.manifest import DECODER, DecoderSettings, write_json
from asrquant.model.recognizer import Recognizer

SCRIPT, NGRAM = "transcribe.py", "lm"


def write_company(recognizer: Recognizer, form: Format, files: Path) -> None:
    """Write all of it."""
    _write_words(recognizer, files)
    shutil.copyfile(form.script, files / SCRIPT)


def write_page(form: PageFormat, recognizer: Recognizer, original: Recognizer, files: Path) -> None:
    """Write what a page needs and nothing of an artifact besides.

    Raises:
        ExportError: as ``PageFormat.save_page``.
        PresetError: the same.
    """
    form.save(recognizer, files)
    form.save_page(recognizer, original, files)
    _write_words(recognizer, files)


def _write_words(recognizer: Recognizer, files: Path) -> None:
    """``decoder.json``, the n-gram beside it where the model has one, and the model's licences."""
    for name, text in (recognizer.origin.licences if recognizer.origin else {}).items():
        (files / name).write_text(text, encoding="utf-8")
    vocabulary = recognizer.vocabulary
    ngram = None
    if vocabulary.ngram:
        with vocabulary.ngram.open("rb") as file:
            ngram = NGRAM + (".arpa" if file.read(6) in (b"\\data\\", b"\n\\data") else ".bin")
        shutil.copyfile(vocabulary.ngram, files / ngram)
    search = {key: value for key, value in vocabulary.search.items() if key not in ("kenlm_model_path", "vocab_list")}
    settings = DecoderSettings(
        decoder=recognizer.decoder.name,
        labels=vocabulary.labels,
        texts=vocabulary.texts,
        blank_index=vocabulary.blank_index,
        ngram=ngram,
        search=json.loads(json.dumps(search, default=list)),
        punctuation=vocabulary.punctuation,
    )
    write_json(settings, files / DECODER)
