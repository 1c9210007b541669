"""Last stage: the EncoderASR folder, with its weights, n-gram, decoder settings, manifest and card."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from conditions import CONDITIONS, under
from corpus import SAMPLE_RATE, Clip
from lone import lone_words
from measure import TELEPHONE, degraded, rows, table
from model import LABELS, TEMPLATE, CtcModel
from ngram import unigrams, with_lone, write_arpa
from torch import nn
from tqdm import tqdm

from asrquant.audio.clip import from_samples
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import load
from asrquant.text.beam import BeamSearch, beam_searcher
from asrquant.text.metrics import total_errors, word_errors

# Weight of the n-gram, bonus a word, and what an unknown word costs (times the weight) in SpeechBrain's CTCBeamSearcher; and how
# often each word stands alone among the n-gram's sentences.
GRID = {
    "alpha": (0.1, 0.2, 0.3, 0.5, 0.7), "beta": (0.5, 1.5, 2.5, 3.5), "unk_score_offset": (-10, -30, -100),
    "lone": (0, 1, 3, 8),
}  # fmt: skip
STEPS = (("alpha", "beta"), ("lone",), ("unk_score_offset",), ("alpha", "beta"))
VERSION = 2


def write_model(model: CtcModel, folder: Path, texts: Sequence[str], search: Mapping[str, float] | None = None) -> None:
    """Write everything but the card and the manifest: YAML, weights in float16, labels, n-gram of ``texts``."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = TEMPLATE.read_text(encoding="utf-8")
    found = dict(search or {})
    lone = int(found.pop("lone", 1))
    for name, value in found.items():
        yaml, count = re.subn(rf"(?m)^    {name}: .*$", f"    {name}: {value}", yaml)
        assert count == 1, name
    yaml = yaml.replace("unigrams: []", f"unigrams: {json.dumps(unigrams(texts))}")
    (folder / "hyperparams.yaml").write_text(yaml, encoding="utf-8")
    _save_half(nn.ModuleDict({"model": model.wav2vec2}), folder / "wav2vec2.ckpt")
    _save_half(nn.ModuleList([model.enc, model.ctc_lin]), folder / "asr.ckpt")
    labels = "".join(f"{label!r} => {index}\n" for index, label in enumerate(LABELS))
    extras = "================\n'starting_index' => 0\n'unk_label' => '<unk>'\n'blank_label' => '<blank>'\n"
    (folder / "tokenizer.ckpt").write_text(labels + extras, encoding="utf-8")
    write_arpa(folder / "lm.arpa.ckpt", with_lone(texts, lone))


def _save_half(module: nn.Module, path: Path) -> None:
    """Weights in float16: half the file; SpeechBrain copies them into float32 parameters."""
    weights = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    torch.save(weights, path)


def tune(folder: Path, clips: Sequence[Clip], texts: Sequence[str]) -> dict[str, float]:
    """The settings of ``GRID`` that are best on held-out clips, clean and degraded, and on words alone.

    Weight and bonus are chosen together, then how often each word stands alone in the n-gram, then what an unknown word costs;
    the log-probs are computed once. What is made small is the mean of the sets' word error rates.

    Args:
        folder: of the model, written with any n-gram.
        clips: of held-out speakers.
        texts: of the training speakers alone.

    Returns:
        The settings, with ``lone`` among them.
    """
    base = load(str(folder))
    words = lone_words(clips)
    sets = [under(clips, name) for name in CONDITIONS if "level" not in name] + [words, under(words, TELEPHONE)]
    heard = [[base.log_probs(from_samples(clip.wave, SAMPLE_RATE)) for clip in each] for each in sets]

    def score(search: Mapping[str, float]) -> float:
        write_arpa(folder / "lm.arpa.ckpt", with_lone(texts, int(search["lone"])))
        settings = {**base.vocabulary.search, **{name: value for name, value in search.items() if name != "lone"}}
        decode = BeamSearch("ngram", beam_searcher("ngram", replace(base.vocabulary, search=settings)))
        rates = [_wer(each, [decode(h) for h in hear]) for each, hear in zip(sets, heard, strict=True)]
        return sum(rates) / len(rates)

    found: dict[str, float] = {"alpha": 0.3, "beta": 2.5, "unk_score_offset": -10, "lone": 1}
    for names in STEPS:
        choices = [dict(zip(names, values, strict=True)) for values in itertools.product(*(GRID[n] for n in names))]
        scores = [score({**found, **choice}) for choice in tqdm(choices, "decoder settings")]
        best = scores.index(min(scores))
        found |= choices[best]
        tqdm.write(f"{choices[best]}: {scores[best]:.1f} % mean WER on the held-out speakers")
    return found


def _wer(clips: Sequence[Clip], texts: Sequence[str]) -> float:
    wer = total_errors(word_errors(c.text, text) for c, text in zip(clips, texts, strict=True)).wer
    assert wer is not None, "clips without words"
    return wer


def publish(
    model: CtcModel,
    out: Path,
    data: Path,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    last: Sequence[Clip] | None,
    settings: dict[str, object],
) -> None:
    """Write the folder ``out``: the decoder is tuned on the held-out speakers with an n-gram that has not seen their texts.

    Args:
        model: what was trained.
        out: the folder.
        data: where the clips' licence lies.
        clips: of the speakers that were trained on.
        held_out: of those that were not.
        last: of yet others, to report on only.
        settings: for the manifest.
    """
    texts = [clip.text for clip in clips]
    write_model(model, out, texts)
    search = tune(out, held_out, texts)
    write_model(model, out, texts, search)
    recognizer = load(str(out))
    found = degraded(recognizer, "held-out", held_out)
    words = lone_words(held_out)
    found += rows(recognizer, "words alone", words) + rows(
        recognizer, "words alone, telephone", under(words, TELEPHONE)
    )
    texts += [clip.text for clip in held_out]
    write_model(model, out, texts, search)
    if last:
        found += degraded(load(str(out)), "eval", last)
    print(table(found))
    copy_license(data, out)
    by_speaker = speakers(load(str(out)), [*held_out, *(last or ())])
    write_card(out, f"{table(found)}\n\n{by_speaker}")
    write_manifest(out, settings | search)


def speakers(recognizer: Recognizer, clips: Sequence[Clip]) -> str:
    """The clean clips of each speaker, as a table."""
    names = sorted({clip.speaker for clip in clips})
    return table([r for name in names for r in rows(recognizer, name, [c for c in clips if c.speaker == name])])


def write_card(folder: Path, results: str) -> None:
    """README.md from its template, with the tables of results."""
    card = TEMPLATE.with_name("card.md").read_text(encoding="utf-8")
    card = card.replace("{table}", results).replace("{version}", str(VERSION))
    (folder / "README.md").write_text(card, encoding="utf-8")


def write_manifest(folder: Path, settings: dict[str, object]) -> None:
    """manifest.json: sha256 and bytes of every other file, and how the model was made."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }
    manifest = {
        "name": folder.name,
        "version": VERSION,
        "made_by": "examples/train_an4",
        "settings": settings,
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def copy_license(data: Path, folder: Path) -> None:
    """The data's licence goes with what was made of it."""
    for place in (data, data.parent):
        if (place / "LICENSE").is_file():
            shutil.copyfile(place / "LICENSE", folder / "LICENSE")
            return
