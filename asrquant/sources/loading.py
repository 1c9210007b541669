"""``load``: the name of a model → a float recognizer.

What may be loaded is decided here: the embedded model and the listed Hub models, whose every byte is known from their first use
on; on a machine of one's own any other Hub model and any folder that constructs known layers and nothing else; and what its
user trusts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from asrquant.base.progress import Progress, silent
from asrquant.model.card import CARD, read_card
from asrquant.model.recognizer import Origin, Recognizer
from asrquant.sources.confidence import read_calibration
from asrquant.sources.hub import FILES, HUB_ID, download, snapshot
from asrquant.sources.listed import LISTED
from asrquant.sources.nemo.mel_settings import Features
from asrquant.sources.nemo.package import is_package
from asrquant.sources.pinning import pin_at_first_use, with_ngram
from asrquant.sources.pins import Pin, check_files, read_local_pins, read_pins
from asrquant.sources.safety import vet
from asrquant.sources.source import Found, Source
from asrquant.sources.toolkits import toolkit_of
from asrquant.text.spelling import refuse_unspellable

EMBEDDED = {
    "an4": assets() / "artifacts" / "an4-wav2vec2-ctc",
    "an4-quartznet": assets() / "artifacts" / "an4-quartznet",
}
"""The models that come with asrquant, by the name that they are asked for by."""
_MANIFEST = "manifest.json"
_TRUST = "Pass trust_source=True (--trust-source) if you trust whoever made it"


def offered() -> tuple[str, ...]:
    """The models that load without anybody's trust, for a page that is open to anyone: embedded and listed ones.

    Raises:
        SourceError: the list of pins is damaged.
    """
    listed = read_pins()
    known = [hub_id for hub_id in LISTED if hub_id in listed]
    return (*EMBEDDED, *known, *(hub_id for hub_id in listed if hub_id not in LISTED))


def load(
    source: str = "an4",
    decoder: str | None = None,
    trust_source: bool = False,
    progress: Progress = silent,
    nemo_features: Features | None = None,
) -> Recognizer:
    """Load a float recognizer. One at a time is loaded, however many ask.

    Args:
        source: ``an4`` or ``an4-quartznet`` (the embedded models), a Hub id, a local folder (SpeechBrain's EncoderASR, or a CTC
            model and its processor as transformers saves them), or a ``.nemo`` file of NeMo's or its unpacked folder. A Hub
            model without a pin gets one: it stays at the commit that its ``main`` is now.
        decoder: one of ``DECODERS``; None takes the one that the model's files name. An n-gram of more than 100 MB is fetched
            for who asks for ``ngram``.
        trust_source: load a Hub id or a folder that is code, the first as it is there now. SpeechBrain executes what a
            ``hyperparams.yaml`` says, so a model from elsewhere is code from elsewhere. Never on a public page.
        progress: called with the bytes of a download; may raise ``Cancelled``.
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
    found = _find(source, trust_source, progress, ngram=decoder == "ngram")
    with loading_weights():
        name, toolkit = toolkit_of(found.folder)
        if nemo_features and (name != "nemo" or nemo_features not in get_args(Features)):
            raise SourceError(
                f"{source} takes no nemo_features {nemo_features!r}: a model of NeMo's takes '2.4' or '2.5'."
            )
        found = replace(found, origin=replace(found.origin, toolkit=name), nemo_features=nemo_features)
        if not found.trusted:
            found = _vetted(found, toolkit)
        recognizer = toolkit.load(found)
        if source in EMBEDDED:
            vocabulary = replace(recognizer.vocabulary, calibration=read_calibration(source, found.folder))
            recognizer = replace(recognizer, vocabulary=vocabulary)
        recognizer = recognizer.with_decoder(decoder) if decoder else recognizer
        if recognizer.decoder.name == "ngram":
            refuse_unspellable(recognizer.vocabulary)
        return recognizer


def is_embedded(recognizer: Recognizer) -> bool:
    """Whether it is an embedded model, to the byte, under its own name: the one that the bundled clips are for."""
    origin = recognizer.origin
    if origin is None or recognizer.source not in EMBEDDED:
        return False
    return origin.sha256 == {name: file.sha256 for name, file in _listed(recognizer.source).items()}


def _vetted(found: Found, toolkit: Source) -> Found:
    """What was found, known to run no code; for a folder, with the pinned repositories that it refers to."""
    try:
        if found.source not in EMBEDDED and not found.repositories:
            found = replace(found, repositories=_parts(toolkit.repositories(found)))
        vet(found, toolkit)
    except UntrustedSourceError as error:
        raise _untrusted(found.source, error) from None
    return found


def _untrusted(source: str, error: UntrustedSourceError) -> UntrustedSourceError:
    advice = f" {_TRUST}." if policy().trusts_sources else ""
    return UntrustedSourceError(f"{source} is not loaded: {error}{advice}")


def _parts(names: Iterable[str]) -> dict[str, Path]:
    """The folders of those of these repositories that are in any pin."""
    every = {**read_local_pins(), **{model: pin for model, pin in read_pins().items() if pin}}
    known = {name: (repository, model) for model, pin in every.items() for name, repository in (pin or {}).items()}
    return {name: snapshot(name, *known[name]) for name in names if name in known}


def _find(source: str, trust_source: bool, progress: Progress, ngram: bool) -> Found:
    """Where a source lies, downloaded if it has to be, its files checked where they are known."""
    if source in EMBEDDED:
        return _embedded(source)
    listed = read_pins()
    if source in listed and (listed[source] or not trust_source):
        return _of_the_hub(source, progress, ngram)
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
            f"There is no model {source!r}: it is neither {' nor '.join(map(repr, EMBEDDED))}, nor a folder, nor a .nemo file, "
            "nor a Hub id (user/name)."
        )
    if not trust_source:
        return _of_the_hub(source, progress, ngram)
    folder = download(source, "main", (*FILES, "*.py"))
    return Found(source, folder, replace(_origin(source, folder), commit=folder.name), trusted=True)


def _embedded(source: str) -> Found:
    folder, files = EMBEDDED[source], _listed(source)
    check_files(folder, files, "The embedded model", "get the repository whole.")
    return Found(source, folder, _origin(source, folder, {name: file.sha256 for name, file in files.items()}))


def _listed(source: str) -> dict[str, File]:
    """The files that an embedded model is to have."""
    folder = EMBEDDED[source]
    if not (folder / _MANIFEST).is_file():
        raise SourceError(f"The embedded model is missing ({folder.name}/{_MANIFEST}); get the repository whole.")
    try:
        listed = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        files = TypeAdapter(dict[str, File]).validate_python(listed)
    except (ValueError, KeyError, TypeError):
        raise SourceError(f"The embedded model is damaged: its {_MANIFEST} says nothing; get it again.") from None
    return {**files, _MANIFEST: describe(folder / _MANIFEST)}


def _of_the_hub(hub_id: str, progress: Progress, ngram: bool) -> Found:
    """A model at the commit of its pin, which it is given where it has none."""
    try:
        pin = pin_at_first_use(hub_id, progress)
        folders = _snapshots(hub_id, pin, progress)
        if ngram and (longer := with_ngram(hub_id, pin, progress)) != pin:
            pin, folders = longer, _snapshots(hub_id, longer, progress)
    except UntrustedSourceError as error:
        raise _untrusted(hub_id, error) from None
    digests = {
        file if name == hub_id else f"{name}/{file}": repository.files[file].sha256
        for name, repository in pin.items()
        for file in repository.files
    }
    origin = replace(_origin(hub_id, folders[hub_id], digests), commit=pin[hub_id].revision)
    return Found(hub_id, folders[hub_id], origin, repositories=folders)


def _snapshots(hub_id: str, pin: Pin, progress: Progress) -> dict[str, Path]:
    return {name: snapshot(name, repository, hub_id, progress) for name, repository in pin.items()}


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
