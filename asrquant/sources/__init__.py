"""Where float recognizers come from. One file a toolkit; each turns a folder into a recognizer.

What may be loaded is decided here: the embedded model and pinned Hub models, whose every byte is known; a folder of one's own
that constructs known layers and nothing else; and what its user trusts, on a machine of their own.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import TypeAdapter
from torch import nn

from asrquant.account import ensure_temporary_folder
from asrquant.compat import loading_weights, on_a_space
from asrquant.errors import SourceError, UntrustedSourceError
from asrquant.files import File, describe, printable_name, sha256
from asrquant.hub import FILES, HUB_ID, Pin, check_files, download, read_pins, snapshot
from asrquant.hub.card import CARD, read_card
from asrquant.recognizer import Origin, Recognizer

EMBEDDED = {"an4": Path(__file__).parents[2] / "artifacts" / "an4-wav2vec2-ctc"}
_MANIFEST, _KENLM = "manifest.json", b"mmap lm "
_TRUST = "pass trust_source=True (--trust-source) if you trust whoever made it"


@dataclass(frozen=True)
class Found:
    """A model's files, before any of them is parsed.

    Attributes:
        source: as it was asked for.
        folder: absolute.
        origin: what an artifact has to know; the architecture is for the toolkit to add.
        repositories: Hub id → folder of a pinned repository that loading may read too, its own included.
        trusted: whether code may run; otherwise nothing is asked of the network either.
    """

    source: str
    folder: Path
    origin: Origin
    repositories: Mapping[str, Path] = field(default_factory=dict)
    trusted: bool = False


class Source(Protocol):
    """What a file in this folder offers."""

    def accepts(self, folder: Path) -> bool:
        """Whether this toolkit can load the folder."""

    def repositories(self, found: Found) -> tuple[str, ...]:
        """Ids of the repositories that loading it would ask the Hub for; raises as ``vet``."""

    def vet(self, found: Found) -> None:
        """Check that loading it runs no code and reads nothing else; says what would."""

    def load(self, found: Found) -> Recognizer:
        """Load it."""

    def skeleton(self, folder: Path) -> nn.Module:
        """The float encoder with random weights, from the files of an ``Origin.architecture``."""


def offered() -> tuple[str, ...]:
    """The models that load without anybody's trust, for a page that is open to anyone: embedded and pinned ones.

    Raises:
        SourceError: the list of pins is damaged.
    """
    return (*EMBEDDED, *(hub_id for hub_id, pin in read_pins().items() if pin is not None))


def load(source: str = "an4", decoder: str | None = None, trust_source: bool = False) -> Recognizer:
    """Load a float recognizer. One at a time is loaded, however many ask.

    Args:
        source: ``an4`` (the embedded model), a pinned Hub id, or a local folder (SpeechBrain's EncoderASR, or a CTC model and
            its processor as transformers saves them).
        decoder: one of ``DECODERS``; None takes ``ngram`` where the model has one, else ``greedy``.
        trust_source: load a Hub id that is not pinned, as it is there now, or a folder that is code. SpeechBrain executes what
            a ``hyperparams.yaml`` says, so a model from elsewhere is code from elsewhere. Never on a Space.

    Raises:
        SourceError: nothing there, not a model, changed files, or no network for a Hub id.
        UntrustedSourceError: it needs ``trust_source=True``, or may not be loaded here at all.
        DecoderError: the model has no such decoder.
        SettingError: there is no folder for temporary files.
    """
    ensure_temporary_folder()
    if trust_source and on_a_space():
        raise UntrustedSourceError(
            f"On a Space no source is trusted; it loads {', '.join(offered())} and nothing else."
        )
    with loading_weights():
        found = _find(source, trust_source)
        name, toolkit = toolkit_of(found.folder)
        found = replace(found, origin=replace(found.origin, toolkit=name))
        if not found.trusted:
            found = _vetted(found, toolkit)
        recognizer = toolkit.load(found)
        return recognizer.with_decoder(decoder) if decoder else recognizer


def skeleton(toolkit: str, folder: Path) -> nn.Module:
    """An encoder without its weights.

    Args:
        toolkit: file in this folder that loaded the model once.
        folder: holds the files of the model's ``Origin.architecture``.

    Raises:
        SourceError: there is no such toolkit.
        UntrustedSourceError: the files would do something else than construct known layers.
    """
    toolkits = _toolkits()
    if toolkit not in toolkits:
        raise SourceError(f"There is no toolkit {toolkit!r} in this version of asrquant.")
    refuse_code(folder)
    return toolkits[toolkit].skeleton(folder)


def _toolkits() -> dict[str, Source]:
    names = [info.name for info in pkgutil.iter_modules(__path__)]
    return {name: cast(Source, importlib.import_module(f"{__name__}.{name}")) for name in names}


def toolkit_of(folder: Path) -> tuple[str, Source]:
    """The toolkit that takes a folder, with its name; there is one that takes whatever is nobody else's."""
    return next((name, toolkit) for name, toolkit in _toolkits().items() if toolkit.accepts(folder))


def vet(found: Found, toolkit: Source) -> None:
    """Check that loading what was found runs no code, and reads nothing but it.

    Raises:
        SourceError: it cannot be read.
        UntrustedSourceError: says what is wrong.
    """
    for folder in {found.folder, *found.repositories.values()}:
        refuse_code(folder)
    toolkit.vet(found)


def _vetted(found: Found, toolkit: Source) -> Found:
    """What was found, known to run no code; for a folder, with the pinned repositories that it refers to."""
    is_offered = found.source in offered()
    try:
        if not is_offered:
            _refuse_kenlm_binaries(found.folder)
            known = {name: repository for pin in read_pins().values() for name, repository in (pin or {}).items()}
            ids = [name for name in toolkit.repositories(found) if name in known]
            found = replace(found, repositories={name: snapshot(name, known[name]) for name in ids})
        vet(found, toolkit)
    except UntrustedSourceError as error:
        advice = "" if is_offered else f" {_TRUST[0].upper()}{_TRUST[1:]}."
        raise UntrustedSourceError(f"{found.source} is not loaded: {error}{advice}") from None
    return found


def refuse_code(folder: Path) -> None:
    """Check that a folder brings no Python, and that its configuration sends for none.

    Raises:
        UntrustedSourceError: names the file.
    """
    if code := sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py")):
        names = ", ".join(code[:5]) + (f" and {len(code) - 5} more" if len(code) > 5 else "")
        raise UntrustedSourceError(f"it brings Python code ({names}), which loading could run.")
    for path in sorted(folder.glob("*.json")):
        try:
            json.loads(path.read_bytes(), object_hook=_refuse_kernels)
        except UntrustedSourceError as error:
            raise UntrustedSourceError(f"{path.name} {error}") from None
        except (ValueError, RecursionError):  # whoever has to read it says what is wrong with it
            continue


def _refuse_kenlm_binaries(folder: Path) -> None:
    """KenLM maps its own format into memory unchecked, so that a file can be made to crash it; ARPA it reads carefully."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(len(_KENLM)) == _KENLM:
                    name = path.relative_to(folder).as_posix()
                    raise UntrustedSourceError(f"{name} is a KenLM binary, which is not checked when it is read.")


def _refuse_kernels(settings: dict[str, Any]) -> None:
    """A configuration can name an implementation of attention by its repository; transformers would run that."""
    for key, value in settings.items():
        if "implementation" in key and "/" in str(value):
            raise UntrustedSourceError(f"asks for code from the Hub ({key}: {str(value)[:80]!r}).")


def _find(source: str, trust_source: bool) -> Found:
    """Where a source lies, downloaded if it has to be, its files checked where they are known."""
    if source in EMBEDDED:
        return _embedded(source)
    pins = read_pins()
    if pin := pins.get(source):
        return _pinned(source, pin)
    if on_a_space():
        raise UntrustedSourceError(f"A Space does not load {source!r}; it has {', '.join(offered())}.")
    folder = Path(source)
    if folder.is_dir():
        folder = folder.resolve()
        return Found(source, folder, _origin(printable_name(folder), folder), trusted=trust_source)
    if not HUB_ID.fullmatch(source):
        raise SourceError(f"There is no model {source!r}: it is neither 'an4', nor a folder, nor a Hub id (user/name).")
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
        digests = {path.name: sha256(path) for pattern in FILES for path in sorted(folder.glob(pattern))}
    licences = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))}
    return Origin(name, "", digests, licences=licences, card=read_card(folder / CARD))
