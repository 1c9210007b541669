"""Last stage: the ``.nemo`` file as NeMo itself writes one, the n-gram with its words and settings, card and manifest."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from ngram import unigrams, write_arpa
from quartznet import configuration

from asrquant.sources.nemo.model import NemoCtc


def write_nemo(model: NemoCtc, path: Path) -> None:
    """A tar of the configuration and the state dict, under NeMo's names; the same weights give the same bytes."""
    weights = io.BytesIO()
    torch.save(dict(model.state_dict()), weights)
    said = json.loads(json.dumps(configuration()))  # so that no list is written as an alias of another
    config = yaml.safe_dump(said, sort_keys=False).encode()
    members = {"model_config.yaml": config, "model_weights.ckpt": weights.getvalue()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:") as tar:
        for name, contents in members.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size, member.mode = len(contents), 0o644
            tar.addfile(member, io.BytesIO(contents))


def write_language_model(folder: Path, texts: Sequence[str], search: Mapping[str, Any]) -> None:
    """``language_model/`` as transformers' processors have it: the n-gram of the texts, its words, its settings."""
    there = folder / "language_model"
    there.mkdir(parents=True, exist_ok=True)
    write_arpa(there / "3gram.arpa", texts)
    (there / "unigrams.txt").write_text("\n".join(unigrams(texts)) + "\n", encoding="utf-8")
    (there / "attrs.json").write_text(json.dumps({"score_boundary": True, **search}, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Result:
    """Word error rates in percent on a set of clips, without and with the n-gram."""

    data: str
    speakers: int
    clips: int
    words: int
    greedy: float
    searched: float


def write_card(folder: Path, results: Sequence[Result]) -> None:
    """README.md from its template, with the table of results."""
    rows = [
        f"| {each.data} | {each.speakers} | {each.clips} | {each.words} | {each.greedy:.1f} % | {each.searched:.1f} % |"
        for each in results
    ]
    card = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(card.replace("{table}", "\n".join(rows)), encoding="utf-8")


def write_manifest(folder: Path, settings: Mapping[str, object]) -> None:
    """manifest.json: sha256 and bytes of every other file, and how the model was made."""
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    manifest = {"name": folder.name, "made_by": "examples/train_quartznet", "settings": settings, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
