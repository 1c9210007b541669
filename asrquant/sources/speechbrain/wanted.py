"""What a ``hyperparams.yaml`` needs of the Hub: its own files; of a base model that its checkpoint replaces, the shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asrquant.base.errors import SourceError
from asrquant.model.card import CARD
from asrquant.sources.pins import HUB_ID
from asrquant.sources.source import Wanted
from asrquant.sources.speechbrain.kinds import refuse_other_kinds
from asrquant.sources.speechbrain.nodes import FILE, mappings
from asrquant.sources.speechbrain.vetting import NGRAM, PRETRAINER, RECOGNIZER, is_lobe, refuse_tags

_SUFFIX = ".ckpt"
_SHAPE = ("preprocessor_config.json", "processor_config.json", "feature_extractor_config.json")


def wanted(folder: Path, hub_id: str) -> Mapping[str, Wanted]:
    """What loading the model reads, by repository.

    Args:
        folder: with the model's ``hyperparams.yaml``.
        hub_id: the model's own repository, in which it looks for what has no other place.

    Raises:
        SourceError: it is a model of another kind.
        UntrustedSourceError: the file is code, which finding this out would run.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    refuse_other_kinds(text, hub_id)
    refuse_tags(text, RECOGNIZER, FILE)
    found = list(mappings(text))
    pretrainers = [each.contents for each in found if each.tag == PRETRAINER]
    files: dict[str, dict[str, None]] = {hub_id: {FILE: None}}
    for place in (place for pretrainer in pretrainers for place in _loaded(pretrainer)):
        owner, name = _split(place, hub_id)
        files.setdefault(owner, {})[name] = None
    ngrams: dict[str, tuple[str, ...]] = {}
    bases: dict[str, bool] = {}
    for each in found:
        if is_lobe(each.tag) and HUB_ID.fullmatch(source := str(each.contents.get("source"))):
            bases[source] = bases.get(source, False) or not _replaced(each.contents, pretrainers)
        if isinstance(place := each.contents.get(NGRAM), str):
            owner, name = _split(place, hub_id)
            ngrams[owner] = (*ngrams.get(owner, ()), name)
    return {
        owner: Wanted(
            (*files.get(owner, ()), *(("config.json",) if owner in bases else ())),
            (*(_SHAPE if owner in bases else ()), *(("LICENSE*", CARD) if owner == hub_id else ())),
            weights=bases.get(owner, False),
            ngrams=ngrams.get(owner, ()),
        )
        for owner in dict.fromkeys((*files, *bases, *ngrams))
    }


def _loaded(pretrainer: Any) -> Iterator[str]:
    """Where a pretrainer takes its files from: a name alone is its own repository's."""
    paths, loadables = pretrainer.get("paths") or {}, pretrainer.get("loadables") or {}
    if isinstance(loadables, dict) and isinstance(paths, dict):
        for key in loadables:
            yield str(paths.get(key, f"{key}{_SUFFIX}"))


def _split(place: str, hub_id: str) -> tuple[str, str]:
    """The repository, and the file in it."""
    owner, _, name = place.rpartition("/")
    if HUB_ID.fullmatch(owner):
        return owner, name
    if "://" in place:
        raise SourceError(f"{hub_id} reads {place[:80]!r}, which is no repository of the Hub; use another model.")
    return hub_id, place.removeprefix("./")


def _replaced(lobe: Any, pretrainers: list[Any]) -> bool:
    """Whether a checkpoint is loaded over what the base model brings."""
    return any(not each.get("conditions") and _holds(each.get("loadables"), lobe) for each in pretrainers)


def _holds(node: Any, lobe: Any) -> bool:
    """References are resolved to the one object that they name."""
    if node is lobe:
        return True
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return any(_holds(child, lobe) for child in children)
