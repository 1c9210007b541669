"""The models and presets that the page offers, and the recognizers that the worker keeps in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from asrquant.base.errors import RequestError, UntrustedSourceError
from asrquant.base.policy import policy
from asrquant.base.progress import Progress, silent
from asrquant.data.bundled import CALIBRATION_CLIPS, CALIBRATION_SEED
from asrquant.engines.engine import Shelf
from asrquant.engines.quantize import quantize
from asrquant.engines.registry import refuse_unavailable
from asrquant.export.built import BuiltModels
from asrquant.export.room import make_room, mark_used
from asrquant.jobs import memory
from asrquant.jobs.checks import shown, whole
from asrquant.jobs.clips import Digests, OwnClips
from asrquant.jobs.outlook import Outlook, steps
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
ROOM_BYTES = 2_000_000_000
"""Memory that stays free for work: a large model takes 22 MB a second of sound, and up to 60 s are encoded at once."""
_BUILD_ROOM = 3
"""Times the bytes of its weights that building a model takes besides."""

MAX_CALIBRATION_CLIPS = 20
MAX_SEED = 2**32 - 1
BUNDLED_CLIPS = OwnClips()
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


@dataclass(frozen=True)
class Wanted:
    """What is kept once: a source, as it is or quantized by a preset.

    Attributes:
        source: name of the model.
        preset: None for the float model.
        own: the visitor's clips that the preset needs.
    """

    source: str
    preset: Preset | None = None
    own: OwnClips = BUNDLED_CLIPS

    @classmethod
    def of(cls, source: str, preset: Preset, own: OwnClips) -> Wanted:
        """A quantized model; clips that its preset does not need make no other model."""
        return cls(source, preset, own.heard_by(preset))


class Models:
    """Recognizers that have been loaded or built, by what they are; as many as the machine has memory for.

    Used by one job at a time, which makes every build single-flight. What is not in memory any more is read from the disk again,
    where it was built before (``BuiltModels``).
    """

    def __init__(self, free: Callable[[], float] = memory.free, shelf: Shelf | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            free: bytes of memory that can still be taken.
            shelf: of built encoders; None takes that of the cache.
        """
        self._free = free
        self._shelf = shelf or BuiltModels(make_room)
        self.watch: Callable[[Wanted | None], object] = lambda what: None
        """Told what begins to be loaded or built, and None when that has ended."""
        self._kept: OrderedDict[Wanted, Recognizer] = OrderedDict()
        self._heard: dict[Wanted, Digests] = {}  # the same path may hold other clips by now

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
        found = self._original(source, progress, None, {Wanted(source)})
        if decoder == "ngram" and found.vocabulary.ngram is None and lacks_ngram(source.removeprefix(TRUSTED)):
            self._kept = OrderedDict((key, kept) for key, kept in self._kept.items() if key.source != source)
            found = self._original(source, progress, decoder, {Wanted(source)})
        return found

    def _original(self, source: str, progress: Progress, decoder: str | None, needed: Set[Wanted]) -> Recognizer:
        name = known_model(source)
        plain, trusted = name.removeprefix(TRUSTED), name.startswith(TRUSTED)
        mark_used(plain)

        def build() -> Recognizer:
            recognizer = load(plain, decoder, trusted, progress)
            make_room()
            return recognizer

        return self._get(Wanted(source), build, ROOM_BYTES, needed)

    def quantized(
        self, source: str, preset: Preset, progress: Progress = silent, own: OwnClips = BUNDLED_CLIPS
    ) -> Recognizer:
        """The source quantized by a preset (which names the backend too); the preset ``original`` is the source itself.

        Args:
            source: name of the model.
            preset: that quantizes it.
            progress: called at each step; may raise ``Cancelled``.
            own: clips to calibrate and validate with; a model that was made with others is not theirs.

        Raises:
            AsrQuantError: it cannot be loaded or does not fit the preset, or the clips cannot be used.
        """
        wanted = Wanted.of(source, preset, own)
        original = self._original(source, progress, None, needed := {Wanted(source), wanted})
        if not preset.engine:
            return original
        if (heard := wanted.own.digests()) != self._heard.get(wanted):
            self._kept.pop(wanted, None)
        weights = sum(weight.numel() * weight.element_size() for weight in original.encoder.parameters())
        expected = {step: seconds * weights / 1e9 for step, seconds in steps(preset).items()}

        def build() -> Recognizer:
            with wanted.own.opened() as clips:
                outlook = Outlook(expected, progress)
                return quantize(original, preset, clips.calibration, outlook, clips.validation, self._shelf)

        built = self._get(wanted, build, ROOM_BYTES + _BUILD_ROOM * weights, needed)
        self._heard = {each: digests for each, digests in self._heard.items() if each in self._kept} | {wanted: heard}
        return built

    def _get(self, wanted: Wanted, build: Callable[[], Recognizer], room: int, needed: Set[Wanted]) -> Recognizer:
        if wanted not in self._kept:
            self._let_go(room, needed)
            self.watch(wanted)
            try:
                self._kept[wanted] = build()
            finally:
                self.watch(None)
        self._kept.move_to_end(wanted)
        self._let_go(ROOM_BYTES, needed)
        return self._kept[wanted]

    def _let_go(self, room: int, needed: Set[Wanted]) -> None:
        """Let go of what was not used for longest and is not needed now, until there is so much room in memory."""
        for wanted in list(self._kept):
            if self._free() >= room:
                return
            if wanted not in needed:
                del self._kept[wanted]
                memory.give_back()
