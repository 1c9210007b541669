"""The trials of a search in an SQLite file, and what Optuna proposes after them.

A proposal depends on the seed, the number of the trial, and what was measured before: nothing of a sampler's own state is needed
to go on. A trial is written once it is done, as a whole; one that was killed is done again, and is then the same one.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from asrquant.base.errors import SearchError, first_line
from asrquant.measure.search.seeds import SAMPLED, Asked
from asrquant.measure.search.space import Space
from asrquant.measure.search.trial import Measured, Trial, goals_of
from asrquant.model.presets import Preset

if TYPE_CHECKING:
    import optuna

NAME = "asrquant"
"""Of the study in its file."""
_SETTINGS = "asrquant settings"
_NATS_FLOOR = 1e-6
"""Optuna is given the logarithm: a tenth of the divergence counts alike at every height."""
_PRESET, _MEASURED = TypeAdapter(Preset), TypeAdapter(Measured)
_BY_TPE, _AT_RANDOM = 10, 40
"""How often is drawn anew where a mixture was tried already: first as the trials before suggest, then from all."""


def _optuna() -> None:
    """Optuna says what it does on standard error, and warns of what is experimental in it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class Study:
    """The trials so far, in a file or in memory, and the next one."""

    def __init__(self, space: Space, seed: int, settings: Mapping[str, str], path: Path | None, resume: bool) -> None:
        """Begin one, or go on with the one in a file.

        Args:
            space: of mixtures.
            seed: of all that is drawn.
            settings: what a search must have in common with the one that it goes on with.
            path: of the SQLite file; None keeps it in memory.
            resume: whether to go on with what is there.

        Raises:
            SearchError: there is another search in the file, or none, or it is no such file.
        """
        import optuna

        _optuna()
        self._space, self._seed = space, seed
        self.trials: list[Trial] = []
        self._memory = optuna.create_study(directions=["minimize"] * 3)
        self._file = _opened(path, settings, resume) if path else None
        for each in self._file.trials if self._file else ():
            self.trials.append(_read(each, str(path)))
            self._memory.add_trial(each)

    def add(self, trial: Trial) -> None:
        """Write a trial that is done.

        Raises:
            SearchError: the file cannot be written.
        """
        import optuna

        frozen = _frozen(trial, self._space)
        try:
            if self._file:
                self._file.add_trial(frozen)
        except optuna.exceptions.StorageInternalError as error:
            raise SearchError(f"The search cannot be written: {first_line(error)}") from error
        self.trials.append(trial)
        self._memory.add_trial(frozen)

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file._storage.remove_session()

    def propose(self) -> Asked | None:
        """A mixture that was not tried, by what was measured so far; None where all that is drawn was tried already."""
        import optuna

        tried = {trial.preset.settings for trial in self.trials}
        for attempt in range(_BY_TPE + _AT_RANDOM):
            drawn = f"{self._seed} {len(self.trials)} {attempt}"
            seed = int.from_bytes(hashlib.sha256(drawn.encode()).digest()[:4])
            kind = optuna.samplers.TPESampler if attempt < _BY_TPE else optuna.samplers.RandomSampler
            self._memory.sampler = kind(seed=seed)
            asked = self._memory.ask()
            preset = self._space.preset(partial(_suggested, asked))
            self._memory.tell(asked, state=optuna.trial.TrialState.FAIL)
            if preset.settings not in tried:
                choices = sorted((name, str(value)) for name, value in asked.params.items())
                return Asked(SAMPLED, preset, tuple(choices))
        return None


def _suggested(asked: optuna.Trial, name: str, there: tuple[str, ...]) -> str:
    return str(asked.suggest_categorical(name, there))


def _opened(path: Path, settings: Mapping[str, str], resume: bool) -> optuna.Study:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    if resume and not path.is_file():
        raise SearchError(f"There is no search in {path.name} to go on with; leave --resume out to begin one.")
    if path.exists() and not resume:
        raise SearchError(f"{path.name} holds a search already: go on with it (--resume), or choose another file.")
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{path.absolute()}", study_name=NAME, directions=["minimize"] * 3, load_if_exists=resume
        )
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:
        raise SearchError(f"{path.name} cannot be used as the file of a search: {first_line(error)}") from error
    before = study.user_attrs.get(_SETTINGS)
    if before is None:
        study.set_user_attr(_SETTINGS, dict(settings))
    elif other := [name for name, value in settings.items() if before.get(name) != value]:
        said = "; ".join(f"{name}: {before.get(name)!r} there, {settings[name]!r} here" for name in other)
        raise SearchError(f"The search in {path.name} is another one ({said}); choose another file.")
    return study


def _frozen(trial: Trial, space: Space) -> optuna.trial.FrozenTrial:
    """A trial as Optuna keeps it; its three values are log10 of the divergence, share of the time, and megabytes."""
    import optuna

    there: dict[str, tuple[str, ...]] = {}
    chosen = dict(trial.choices)

    def choose(name: str, choices: tuple[str, ...]) -> str:
        there[name] = choices
        return chosen[name]

    if chosen:
        space.preset(choose)
    measured = trial.measured
    values = None
    if measured:
        nats, share, size = goals_of(measured)
        values = [math.log10(max(nats, _NATS_FLOOR)), share, size / 1e6]
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.COMPLETE if measured else optuna.trial.TrialState.FAIL,
        values=values,
        params={name: chosen[name] for name in there},
        distributions={name: optuna.distributions.CategoricalDistribution(each) for name, each in there.items()},
        user_attrs={
            "origin": trial.origin,
            "preset": _PRESET.dump_python(trial.preset, mode="json"),
            "measured": _MEASURED.dump_python(measured, mode="json") if measured else None,
            "failed": trial.failed,
            "took_seconds": trial.took_seconds,
            "what": trial.preset.summary,
        },
    )


def _read(frozen: optuna.trial.FrozenTrial, name: str) -> Trial:
    said = frozen.user_attrs
    try:
        measured = said["measured"]
        return Trial(
            number=frozen.number,
            origin=str(said["origin"]),
            choices=tuple(sorted(frozen.params.items())),
            preset=_PRESET.validate_json(json.dumps(said["preset"])),
            measured=_MEASURED.validate_json(json.dumps(measured)) if measured else None,
            failed=str(said["failed"]),
            took_seconds=float(said["took_seconds"]),
        )
    except (KeyError, ValueError, ValidationError) as error:
        raise SearchError(
            f"Trial {frozen.number} in {Path(name).name} is not as it was written: {first_line(error)}"
        ) from error
