"""A model's own card (``README.md``) → what an artifact made of the model has to say as well: licence, languages, data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CARD = "README.md"
MAX_BYTES, MAX_YAML = 1_000_000, 50_000
"""Of a card, and of the YAML at its top, which takes long to read."""
_LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]+)*|code|multilingual"
_LICENSE = r"[a-z0-9][a-z0-9.+-]{0,63}"
_LICENSE_NAME = r"[\w.+-]{1,100}"
_LICENSE_LINK = r"https?://[^\s<>\"]{1,300}|LICEN[CS]E[\w.-]{0,40}"
_DATASET = r"([\w-][\w.-]{0,95}/)?[\w-][\w.-]{0,95}"


@dataclass(frozen=True)
class Card:
    """What a model's card says of the model, in the Hub's words; empty where it says nothing.

    Attributes:
        languages: ISO 639 codes.
        license: the Hub's name of it; ``other`` goes with the next two.
        license_name: the licence's own.
        license_link: an address, or a file beside the model.
        datasets: that the model was trained on, as the Hub calls them.
    """

    languages: tuple[str, ...] = ()
    license: str = ""
    license_name: str = ""
    license_link: str = ""
    datasets: tuple[str, ...] = ()


def read_card(path: Path) -> Card:
    """Read a card as the Hub does: the YAML between two lines of ``---`` at its top.

    What is not there, or not what the Hub expects in its place, is passed over: the card is somebody else's, and the model loads
    without it.

    Args:
        path: the file; it need not exist.
    """
    import yaml
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    try:
        text = path.read_text(encoding="utf-8-sig") if path.stat().st_size <= MAX_BYTES else ""
        top = REGEX_YAML_BLOCK.search(text)
        said = yaml.safe_load(top.group(2)) if top and len(top.group(2)) <= MAX_YAML else {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return Card()
    if not isinstance(said, dict):
        return Card()
    return Card(
        languages=_all(said.get("language"), _LANGUAGE),
        license=_one(said.get("license"), _LICENSE),
        license_name=_one(said.get("license_name"), _LICENSE_NAME),
        license_link=_one(said.get("license_link"), _LICENSE_LINK),
        datasets=_all(said.get("datasets"), _DATASET),
    )


def _all(said: Any, form: str) -> tuple[str, ...]:
    values = said if isinstance(said, list) else [said]
    return tuple(dict.fromkeys(value for value in values[:100] if _one(value, form)))


def _one(said: Any, form: str) -> str:
    return said if isinstance(said, str) and re.fullmatch(form, said) else ""
