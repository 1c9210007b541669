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
from corpus import Clip
from model import LABELS, TEMPLATE, CtcModel
from ngram import unigrams, write_arpa
from torch import nn
from tqdm import tqdm

from asrquant.audio.clip import SAMPLE_RATE, from_samples
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import load
from asrquant.text.beam import BeamSearch, beam_searcher
from asrquant.text.metrics import total_errors, word_errors

# Weight of the n-gram, bonus a word, and what an unknown word costs (times the weight) in SpeechBrain's CTCBeamSearcher.
GRID = {"alpha": (0.1, 0.2, 0.3, 0.5, 0.7), "beta": (0.5, 1.5, 2.5, 3.5), "unk_score_offset": (-10, -30, -100)}


def write_model(model: CtcModel, folder: Path, texts: Sequence[str], search: Mapping[str, float] | None = None) -> None:
    """Write everything but the card and the manifest: YAML, weights in float16, labels, n-gram of ``texts``."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = TEMPLATE.read_text(encoding="utf-8")
    for name, value in (search or {}).items():
        yaml, count = re.subn(rf"(?m)^    {name}: .*$", f"    {name}: {value}", yaml)
        assert count == 1, name
    yaml = yaml.replace("unigrams: []", f"unigrams: {json.dumps(unigrams(texts))}")
    (folder / "hyperparams.yaml").write_text(yaml, encoding="utf-8")
    _save_half(nn.ModuleDict({"model": model.wav2vec2}), folder / "wav2vec2.ckpt")
    _save_half(nn.ModuleList([model.enc, model.ctc_lin]), folder / "asr.ckpt")
    labels = "".join(f"{label!r} => {index}\n" for index, label in enumerate(LABELS))
    extras = "================\n'starting_index' => 0\n'unk_label' => '<unk>'\n'blank_label' => '<blank>'\n"
    (folder / "tokenizer.ckpt").write_text(labels + extras, encoding="utf-8")
    write_arpa(folder / "lm.arpa.ckpt", texts)


def _save_half(module: nn.Module, path: Path) -> None:
    """Weights in float16: half the file; SpeechBrain copies them into float32 parameters."""
    weights = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    torch.save(weights, path)


def measure(recognizer: Recognizer, clips: Sequence[Clip]) -> float:
    """WER in percent over the clips."""
    return _wer(clips, [recognizer.transcribe(from_samples(c.wave, SAMPLE_RATE)).text for c in clips])


def _wer(clips: Sequence[Clip], texts: Sequence[str]) -> float:
    wer = total_errors(word_errors(c.text, text) for c, text in zip(clips, texts, strict=True)).wer
    assert wer is not None, "clips without words"
    return wer


def tune(folder: Path, clips: Sequence[Clip]) -> dict[str, float]:
    """The settings of ``GRID`` with the fewest errors on held-out clips; the log-probs are computed once."""
    base = load(str(folder))
    heard = [base.log_probs(from_samples(c.wave, SAMPLE_RATE)) for c in clips]
    scores: dict[tuple[float, ...], float] = {}
    for values in tqdm(list(itertools.product(*GRID.values())), "decoder settings"):
        search = {**base.vocabulary.search, **dict(zip(GRID, values, strict=True))}
        decode = BeamSearch("ngram", beam_searcher("ngram", replace(base.vocabulary, search=search)))
        scores[values] = _wer(clips, [decode(h) for h in heard])
    best = min(scores, key=lambda values: scores[values])
    found = dict(zip(GRID, best, strict=True))
    tqdm.write(f"{found}: {scores[best]:.1f} % WER on the held-out speakers")
    return found


def write_card(folder: Path, rows: Sequence[tuple[str, int, int, int, float, float]]) -> None:
    """README.md from its template, with the table of results: (set, speakers, clips, words, greedy, n-gram)."""
    table = ["| data | speakers | clips | words | WER greedy | WER 3-gram |", "| --- | --- | --- | --- | --- | --- |"]
    table += [f"| {s} | {who} | {n} | {w} | {g:.1f} % | {b:.1f} % |" for s, who, n, w, g, b in rows]
    card = TEMPLATE.with_name("card.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(card.replace("{table}", "\n".join(table)), encoding="utf-8")


def write_manifest(folder: Path, settings: dict[str, object]) -> None:
    """manifest.json: sha256 and bytes of every other file, and how the model was made."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }
    manifest = {"name": folder.name, "made_by": "examples/train_an4", "settings": settings, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def words(clips: Sequence[Clip]) -> int:
    """Number of words in the references."""
    return sum(len(c.text.split()) for c in clips)


def copy_license(data: Path, folder: Path) -> None:
    """The data's licence goes with what was made of it."""
    for place in (data, data.parent):
        if (place / "LICENSE").is_file():
            shutil.copyfile(place / "LICENSE", folder / "LICENSE")
            return
