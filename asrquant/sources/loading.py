"""``load``: the name of a model → a float recognizer.

What may be loaded is decided here: the embedded model and pinned Hub models, whose every byte is known; a folder of one's own
that constructs known layers and nothing else; and what its user trusts, on a machine of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter

from asrquant.base.account import ensure_temporary_folder
from asrquant.base.assets import assets
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.base.files import File, describe, printable_name, sha256
from asrquant.base.pickles import loading_weights
from asrquant.base.policy import policy
from asrquant.model.card import CARD, read_card
from asrquant.model.recognizer import Origin, Recognizer
from asrquant.sources.hub import FILES, HUB_ID, download, snapshot
from asrquant.sources.nemo.mel_settings import Features
from asrquant.sources.nemo.package import is_package
from asrquant.sources.pins import Pin, check_files, read_pins
from asrquant.sources.safety import vet
from asrquant.sources.source import Found, Source
from asrquant.sources.toolkits import toolkit_of
from asrquant.text.spelling import refuse_unspellable

EMBEDDED = {"an4": assets() / "artifacts" / "an4-wav2vec2-ctc"}
_MANIFEST = "manifest.json"
_TRUST = "pass trust_source=True (--trust-source) if you trust whoever made it"


def offered() -> tuple[str, ...]:
    """The models that load without anybody's trust, for a page that is open to anyone: embedded and pinned ones.

    Raises:
        SourceError: the list of pins is damaged.
    """
    return (*EMBEDDED, *(hub_id for hub_id, pin in read_pins().items() if pin is not None))


def load(
    source: str = "an4",
    decoder: str | None = None,
    trust_source: bool = False,
    nemo_features: Features | None = None,
) -> Recognizer:
    """Load a float recognizer. One at a time is loaded, however many ask.

    Args:
        source: ``an4`` (the embedded model), a pinned Hub id, a local folder (SpeechBrain's EncoderASR, or a CTC model and
            its processor as transformers saves them), or a ``.nemo`` file of NeMo's or its unpacked folder.
        decoder: one of ``DECODERS``; None takes the one that the model's files name.
        trust_source: load a Hub id that is not pinned, as it is there now, or a folder that is code. SpeechBrain executes what
            a ``hyperparams.yaml`` says, so a model from elsewhere is code from elsewhere. Never on a public page.
        nemo_features: ``2.4`` or ``2.5``: compute the features of a model of NeMo's as NeMo up to 2.4 or from 2.5 on does; None
            asks the file which NeMo wrote it.

    Raises:
        SourceError: nothing there, not a model, changed files, or no network for a Hub id.
        UntrustedSourceError: it needs ``trust_source=True``, or may not be loaded here at all.
        DecoderError: the model has no such decoder, or an n-gram whose words it cannot spell.
        SettingError: a setting cannot be used, or there is no folder for temporary files.
    """
    ensure_temporary_folder()
    if trust_source and not policy().trusts_sources:
        raise UntrustedSourceError(
            f"On a public page no source is trusted; it loads {', '.join(offered())} and nothing else."
        )
    with loading_weights():
        found = _find(source, trust_source)
        name, toolkit = toolkit_of(found.folder)
        if nemo_features and (name != "nemo" or nemo_features not in get_args(Features)):
            raise SourceError(
                f"{source} takes no nemo_features {nemo_features!r}: a model of NeMo's takes '2.4' or '2.5'."
            )
        found = replace(found, origin=replace(found.origin, toolkit=name), nemo_features=nemo_features)
        if not found.trusted:
            found = _vetted(found, toolkit)
        recognizer = toolkit.load(found)
        recognizer = recognizer.with_decoder(decoder) if decoder else recognizer
        if recognizer.decoder.name == "ngram":
            refuse_unspellable(recognizer.vocabulary)
        return recognizer


def _vetted(found: Found, toolkit: Source) -> Found:
    """What was found, known to run no code; for a folder, with the pinned repositories that it refers to."""
    is_offered = found.source in offered()
    try:
        if not is_offered:
            known = {name: repository for pin in read_pins().values() for name, repository in (pin or {}).items()}
            ids = [name for name in toolkit.repositories(found) if name in known]
            found = replace(found, repositories={name: snapshot(name, known[name]) for name in ids})
        vet(found, toolkit)
    except UntrustedSourceError as error:
        advice = "" if is_offered else f" {_TRUST[0].upper()}{_TRUST[1:]}."
        raise UntrustedSourceError(f"{found.source} is not loaded: {error}{advice}") from None
    return found


def _find(source: str, trust_source: bool) -> Found:
    """Where a source lies, downloaded if it has to be, its files checked where they are known."""
    if source in EMBEDDED:
        return _embedded(source)
    pins = read_pins()
    if pin := pins.get(source):
        return _pinned(source, pin)
    if not policy().loads_own_models:
        raise UntrustedSourceError(f"A public page does not load {source!r}; it has {', '.join(offered())}.")
    folder = Path(source)
    if folder.is_dir():
        folder = folder.resolve()
        return Found(source, folder, _origin(printable_name(folder), folder), trusted=trust_source)
    if folder.is_file() and is_package(folder):
        named = Origin(printable_name(folder.with_suffix("")), "", {})  # the source itself says of what the file is
        return Found(source, folder.resolve(), named, trusted=trust_source)
    if not HUB_ID.fullmatch(source):
        raise SourceError(
            f"There is no model {source!r}: it is neither 'an4', nor a folder, nor a .nemo file, nor a Hub id (user/name)."
        )
    if not trust_source:
        raise UntrustedSourceError(
            f"{source!r} is no folder here, and no commit and sha256 of such a Hub model are on record; where there is a "
            f"network, pin it (python -m asrquant pin {source}), or {_TRUST} and whatever the Hub has now."
        )
    folder = download(source, "main", (*FILES, "*.py"))
    return Found(source, folder, _origin(source, folder), trusted=True)


def _embedded(source: str) -> Found:
    folder = EMBEDDED[source]
    if not (folder / _MANIFEST).is_file():
        raise SourceError(f"The embedded model is missing ({folder.name}/{_MANIFEST}); get the repository whole.")
    try:
        listed = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        files = TypeAdapter(dict[str, File]).validate_python(listed)
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"The embedded model is damaged: its {_MANIFEST} says nothing; get it again.") from None
    files[_MANIFEST] = describe(folder / _MANIFEST)
    check_files(folder, files, "The embedded model", "get the repository whole.")
    return Found(source, folder, _origin(source, folder, {name: file.sha256 for name, file in files.items()}))


def _pinned(hub_id: str, pin: Pin) -> Found:
    folders = {name: snapshot(name, repository) for name, repository in pin.items()}
    digests = {
        file if name == hub_id else f"{name}/{file}": repository.files[file].sha256
        for name, repository in pin.items()
        for file in repository.files
    }
    return Found(hub_id, folders[hub_id], _origin(hub_id, folders[hub_id], digests), repositories=folders)


def _origin(name: str, folder: Path, digests: Mapping[str, str] | None = None) -> Origin:
    if digests is None:
        listed = (
            path
            for part in ("", "language_model/")
            for pattern in FILES
            for path in sorted(folder.glob(part + pattern))
            if path.is_file()  # and no device, which never ends
        )
        digests = {path.relative_to(folder).as_posix(): sha256(path) for path in listed}
    licences = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))}
    return Origin(name, "", digests, licences=licences, card=read_card(folder / CARD))
