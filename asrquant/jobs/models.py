"""The models and presets that the page offers, and the recognizers that the worker keeps in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from asrquant.base.errors import RequestError, UntrustedSourceError
from asrquant.base.policy import policy
from asrquant.base.progress import Progress, silent
from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import refuse_unavailable
from asrquant.jobs.checks import shown, whole
from asrquant.model.modules import ROLES
from asrquant.model.presets import Preset, custom, get_preset
from asrquant.model.recognizer import Recognizer
from asrquant.sources.loading import load, offered
from asrquant.sources.pinning import lacks_ngram
from asrquant.sources.pins import HUB_ID

MODELS = offered()
TRUSTED = "trusted: "
"""Before the name of a model whose code is run on its user's word; never on a public page."""
CUSTOM = "custom"
CACHE_BYTES = 4_000_000_000
"""Bound on the saved size of all models that are kept, the last used ones first."""

MAX_CALIBRATION_CLIPS = 20
MAX_SEED = 2**32 - 1
EXAMPLE_SETTINGS = {"schemes": {"head": "dynamic", "feature_projection": "static"}, "calibration_clips": 5}
"""For whoever asks how settings are written."""


@dataclass(frozen=True)
class Custom:
    """What somebody chose for the preset ``custom``, as it came; ``preset`` checks it.

    Attributes:
        schemes: role (see ``modules.ROLES``) → ``float``, ``dynamic`` or ``static``; a role that is left out stays float.
        dynamic_dtype: of the dynamic parts.
        observer: of the static parts.
        backend: None for what the processor has.
        calibration_clips: for the static parts, 1 to ``MAX_CALIBRATION_CLIPS``.
        calibration_seed: that they are drawn with, 0 to ``MAX_SEED``.
    """

    schemes: dict[str, Any] = field(default_factory=dict)
    dynamic_dtype: Any = "qint8"
    observer: Any = "backend"
    backend: Any = None
    calibration_clips: Any = CALIBRATION_CLIPS
    calibration_seed: Any = CALIBRATION_SEED

    @classmethod
    def read(cls, said: object) -> Custom:
        """Settings from an object such as ``EXAMPLE_SETTINGS``.

        Raises:
            RequestError: it is no such object.
        """
        names = [each.name for each in fields(cls)]
        if not isinstance(said, dict) or not isinstance(said.get("schemes", {}), dict):
            raise RequestError(f"The settings are {shown(said)}; give an object such as {EXAMPLE_SETTINGS}.")
        if unknown := [name for name in said if name not in names]:
            raise RequestError(f"There is no setting {shown(unknown[0])}; there are {', '.join(names)}.")
        return cls(**said)

    def preset(self) -> Preset:
        """The preset that it describes.

        Raises:
            RequestError: a role does not exist, or a number is out of bounds.
            PresetError: a setting does not exist.
        """
        if unknown := [name for name in self.schemes if name not in ROLES]:
            raise RequestError(f"The model has no part {shown(unknown[0])}; there are {', '.join(ROLES)}.")
        return custom(
            self.schemes,
            dynamic_dtype=self.dynamic_dtype,
            observer=self.observer,
            backend=self.backend,
            calibration_clips=whole(
                self.calibration_clips, "The number of calibration clips", 1, MAX_CALIBRATION_CLIPS
            ),
            calibration_seed=whole(self.calibration_seed, "The calibration seed", 0, MAX_SEED),
        )


def known_model(value: object) -> str:
    """One of ``MODELS``, or on a page of one's own any folder or Hub id; no stranger's ever reaches the loader.

    Raises:
        UntrustedSourceError: it is another.
    """
    if value in MODELS:
        return str(value)
    name = value.removeprefix(TRUSTED).strip() if isinstance(value, str) else ""
    own = policy().loads_own_models
    if own and name and (HUB_ID.fullmatch(name) or Path(name).is_dir()):
        return f"{TRUSTED}{name}" if str(value).startswith(TRUSTED) else name
    other = ", or give a folder's path or a Hub id (user/name)" * own
    raise UntrustedSourceError(f"The page does not load {shown(value)}; choose one of {', '.join(MODELS)}{other}.")


def plain_name(value: Any) -> Any:
    """The name of a model as it came from a visitor, who says otherwise whether its code may be run.

    Raises:
        UntrustedSourceError: it says so itself.
    """
    if isinstance(value, str) and value.startswith(TRUSTED.strip()):
        raise UntrustedSourceError(f"The page does not load {shown(value)}; choose one of {', '.join(MODELS)}.")
    return value


def chosen(name: object, settings: Custom | None) -> Preset:
    """The preset that a visitor asks for.

    Args:
        name: of a preset, or ``CUSTOM``.
        settings: of ``CUSTOM``; the others have their own.

    Raises:
        PresetError: there is none of that name, the settings do not make one, or this machine cannot carry it out.
        RequestError: the settings are missing, or one is of the wrong kind.
        MissingDependencyError: its engine is not installed.
    """
    if name == CUSTOM and settings is None:
        raise RequestError(f"The preset {CUSTOM} needs settings; give an object such as {EXAMPLE_SETTINGS}.")
    preset = settings.preset() if name == CUSTOM and settings else get_preset(name)
    refuse_unavailable(preset)
    return preset


class Models:
    """Recognizers that have been loaded or quantized, by (source, preset), bounded in bytes.

    Used by one job at a time, which makes every build single-flight.
    """

    def __init__(self, bound: int = CACHE_BYTES) -> None:
        """Keep at most ``bound`` bytes; the model in use is kept whatever its size."""
        self._bound = bound
        self._kept: OrderedDict[tuple[str, Preset | None], tuple[Recognizer, int]] = OrderedDict()

    def original(self, source: str, progress: Progress = silent, decoder: str = "") -> Recognizer:
        """The float recognizer of a source, with the decoder that it came with.

        Args:
            source: as ``known_model`` takes it.
            progress: called with the bytes of a download.
            decoder: that is wanted of it: a large n-gram is fetched for ``ngram`` only.

        Raises:
            UntrustedSourceError: the page does not offer it, or it is code.
            SourceError: it cannot be loaded.
            DecoderError: it has no n-gram, and that is wanted.
        """
        name = known_model(source)
        trusted, plain = name.startswith(TRUSTED), name.removeprefix(TRUSTED)

        def get(wanted: str | None = None) -> Recognizer:
            return self._get((source, None), lambda: load(plain, wanted, trusted, progress))

        found = get()
        if decoder == "ngram" and found.vocabulary.ngram is None and lacks_ngram(plain):
            self._kept = OrderedDict((key, kept) for key, kept in self._kept.items() if key[0] != source)
            found = get(decoder)
        return found

    def quantized(self, source: str, preset: Preset, progress: Progress = silent) -> Recognizer:
        """The source quantized by a preset (which names the backend too); the preset ``original`` is the source itself.

        Raises:
            AsrQuantError: it cannot be loaded or does not fit the preset.
        """
        original = self.original(source, progress)
        if not preset.engine:
            return original
        return self._get((source, preset), lambda: quantize(original, preset, progress=progress))

    def _get(self, key: tuple[str, Preset | None], build: Callable[[], Recognizer]) -> Recognizer:
        if key not in self._kept:
            recognizer = build()
            self._kept[key] = (recognizer, recognizer.size_bytes())
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(size for _, size in self._kept.values()) > self._bound:
            self._kept.popitem(last=False)
        return self._kept[key][0]
