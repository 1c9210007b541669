"""What a ``hyperparams.yaml`` refers to outside itself: files in its folder, and repositories of the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asrquant.base.errors import UntrustedSourceError
from asrquant.sources.pins import HUB_ID
from asrquant.sources.speechbrain.kinds import refuse_other_kinds
from asrquant.sources.speechbrain.nodes import FILE, mappings, seeds
from asrquant.sources.speechbrain.vetting import (
    NGRAM,
    PRETRAINER,
    RECOGNIZER,
    is_lobe,
    refuse_code,
    refuse_tags,
    within,
)
from asrquant.sources.speechbrain.wanted import wanted

__all__ = ["FILE", "hub_ids", "needs_transformers", "overrides", "refuse_elsewhere", "vet", "wanted"]


def needs_transformers(folder: Path) -> bool:
    """Whether loading the folder imports transformers, by its own name or by SpeechBrain's for its wrappers of it."""
    text = (folder / FILE).read_text(encoding="utf-8")
    return "transformers" in text or "huggingface" in text


def hub_ids(folder: Path) -> tuple[str, ...]:
    """The repositories that SpeechBrain would ask the Hub for while it loads the folder.

    Raises:
        UntrustedSourceError: the file is code, which finding that out would run.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    refuse_other_kinds(text, FILE)
    refuse_tags(text, RECOGNIZER, FILE)
    found: dict[str, None] = {}
    for keys, value in _references(text):
        source = value if _is_lobes(keys) else value.rpartition("/")[0]
        if HUB_ID.fullmatch(source) and _beside(value, folder) is None:
            found[source] = None
    return tuple(found)


def overrides(folder: Path, repositories: Mapping[str, Path]) -> dict[str, Any]:
    """What has to be put in the place of the file's own values, so that everything is found where it lies.

    SpeechBrain looks a relative path up in the working directory; the folder is what is meant. An n-gram that a repository was
    fetched without is none, and training's seeds are not set.

    Args:
        folder: absolute.
        repositories: Hub id → local folder with the files that the Hub would be asked for.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    found: dict[str, Any] = dict.fromkeys(seeds(text))
    for keys, value in _references(text):
        place = _place(value, folder, repositories)
        if place is None and not (keys[-1] == NGRAM and _left_out(value, folder, repositories)):
            continue
        *parents, key = keys
        settings = found
        for parent in parents:
            settings = settings.setdefault(parent, {})
        settings[key] = place
        if _is_lobes(keys):
            settings["save_path"] = place
    return found


def vet(folder: Path, repositories: Mapping[str, Path]) -> None:
    """Check that loading the folder constructs known parts, from files in it and in ``repositories``, and does nothing else.

    Raises:
        UntrustedSourceError: it would; says what is in the file.
    """
    text = (folder / FILE).read_text(encoding="utf-8")
    refuse_other_kinds(text, FILE)
    refuse_tags(text, RECOGNIZER, FILE)
    folders = [folder, *repositories.values()]
    refuse_code(text, RECOGNIZER, FILE, folders, overrides(folder, repositories))


def refuse_elsewhere(ngram: object, folder: Path, repositories: Mapping[str, Path]) -> None:
    """Check once more, now that everything is built, that an n-gram lies where what was vetted lies.

    Raises:
        UntrustedSourceError: it does not.
    """
    if not (Path(str(ngram)).is_absolute() and within(str(ngram), [folder, *repositories.values()])):
        raise UntrustedSourceError(
            f"{FILE} takes its n-gram from {str(ngram)[:80]!r}, which is neither in its folder nor pinned."
        )


def _is_lobes(keys: tuple[str, ...]) -> bool:
    """Whether they lead to a lobe's source, which is a whole repository, rather than to a file."""
    return keys[-1] == "source" and keys[-2:-1] != ("paths",)


def _place(value: str, folder: Path, repositories: Mapping[str, Path]) -> str | None:
    """Where a source lies; None where it does not, or is an n-gram that was left out."""
    owner, _, name = value.rpartition("/")
    if value in repositories:
        return str(repositories[value])
    if owner in repositories:
        return str(repositories[owner] / name) if (repositories[owner] / name).exists() else None
    return _beside(value, folder)


def _left_out(value: str, folder: Path, repositories: Mapping[str, Path]) -> bool:
    """Whether a source is one that a model of the Hub was fetched without."""
    owner = value.rpartition("/")[0]
    return folder in repositories.values() and (not owner or HUB_ID.fullmatch(owner) is not None)


def _beside(value: str, folder: Path) -> str | None:
    """Where a source lies in the folder: by its path there, or by that in the repository that the folder is a copy of."""
    if value and (folder / value).exists():
        return str(folder / value)
    owner, _, name = value.rpartition("/")
    is_own = HUB_ID.fullmatch(owner) and owner.split("/")[1] == folder.name
    return str(folder / name) if is_own and name and (folder / name).is_file() else None


def _references(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys that lead to a lobe's source, a pretrainer's path or an n-gram, with the text that it resolves to."""
    for each in mappings(text):
        keys, node = each.keys, each.contents
        values = {(*keys, "source"): node.get("source")} if is_lobe(each.tag) else {}
        if each.tag == PRETRAINER and isinstance(paths := node.get("paths"), dict):
            values = {(*keys, "paths", name): path for name, path in paths.items()}
        if NGRAM in node:
            values[(*keys, NGRAM)] = node[NGRAM]
        yield from ((at, value) for at, value in values.items() if isinstance(value, str))
