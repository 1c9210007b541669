"""Recognizers x data set → ``Report``: a row a clip and preset, a summary a preset."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from asrquant.audio.clip import MAX_SECONDS
from asrquant.base.errors import Cancelled, DatasetError, ExportError, FreshProcessError, PresetError
from asrquant.base.progress import Progress, silent
from asrquant.data.dataset import BadRow, Dataset, Utterance
from asrquant.measure.clips import ClipBench, Turn
from asrquant.measure.compare import this_machine
from asrquant.measure.crew import HERE, Crew
from asrquant.measure.deployment import Deployment, deploy
from asrquant.measure.estimate import Estimate, estimate
from asrquant.measure.journal import NAME, Entry, Journal
from asrquant.measure.report import Notice, Report, summarize
from asrquant.measure.roll import Roll
from asrquant.model.presets import refuse_equal_names
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import refuse_foreign
from asrquant.text.normalize import BASIC, Normalization, normalization

_log = logging.getLogger(__name__)

Watch = Callable[[Entry], None]
"""Called with each clip that is done."""


def benchmark(
    recognizers: Sequence[Recognizer],
    data: Dataset | Sequence[Utterance],
    progress: Progress = silent,
    name: str = "clips of one's own",
    folder: Path | None = None,
    resume: bool = False,
    keep_partial: bool = False,
    watch: Watch | None = None,
    deployed: bool = False,
    normalize: Normalization | str = BASIC,
    crew: Crew = HERE,
    expect: Callable[[Estimate], None] | None = None,
) -> Report:
    """Run every recognizer on every clip, interleaved clip by clip so that a slow minute hits all alike.

    Args:
        recognizers: the first is the reference for speed-up and change of WER; all should share one decoder, and no two
            may have presets of the same name, by which the report tells them apart.
        data: a data set, or clips with references.
        progress: called before each clip; may raise ``Cancelled``.
        name: what the clips are, for the report; a ``Dataset`` has its own.
        folder: where to keep what is done as it is done (``journal.jsonl``); None keeps it in memory only.
        resume: whether to go on with what ``folder`` holds.
        keep_partial: whether ``Cancelled`` and Ctrl-C, once there is a clip done, end in a report of what is done.
        watch: called with each clip that is done, those of an earlier run included.
        deployed: whether to also save each recognizer and load it in a fresh process, for load time and peak memory
            on the longest clip; some seconds each.
        normalize: of the texts before they are compared: ``none``, ``basic`` or ``english``, or a ``Normalization``.
        crew: who runs the clips: this process, or the workers that ``asrquant.cluster.on_ray`` gives.
        expect: called with about how long it will take before it begins; that takes a clip's time twice. None leaves it out.

    Raises:
        PresetError: there is no recognizer, or two have presets of one name.
        DatasetError: there are no clips, none can be used, a reference is not in the normalization's language, or ``folder``
            holds something else.
        ValueError: there is no such normalization.
        Cancelled: ``progress`` did.
        ClusterError: no worker can do the work.
    """
    rules = normalization(normalize)
    data = data if isinstance(data, Dataset) else Dataset(name, tuple(data))
    _refuse(recognizers, data, rules)
    journal = Journal(folder / NAME, _settings(recognizers, data, rules), resume) if folder else None
    done: dict[str, Entry] = dict(journal.done) if journal else {}
    deployments: dict[str, Deployment] = {}
    roll = Roll()
    try:
        _expect(recognizers, [each for each in data.utterances if each.id not in done], crew, progress, expect)
        _run(ClipBench(tuple(recognizers), rules), data.utterances, done, journal, progress, watch, crew, roll)
        if deployed:
            _deploy(recognizers, data.utterances, done, deployments, progress)
    except (Cancelled, KeyboardInterrupt):
        if not keep_partial or not any(entry.rows for entry in done.values()):
            raise
    finally:
        if journal:
            journal.close()
    entries = [done[each.id] for each in data.utterances if each.id in done]
    return replace(_report(recognizers, data, entries, deployments, rules), nodes=roll.nodes, recheck=roll.recheck)


def _refuse(recognizers: Sequence[Recognizer], data: Dataset, rules: Normalization) -> None:
    """Refuse what cannot be run; raises as ``benchmark``."""
    if not recognizers:
        raise PresetError("There is no recognizer to run; give at least one.")
    if not data.utterances:
        raise DatasetError("There are no clips to run; give a data set with at least one.")
    refuse_equal_names([recognizer.preset for recognizer in recognizers])
    refuse_foreign((utterance.reference for utterance in data.utterances), rules)


def _report(
    recognizers: Sequence[Recognizer],
    data: Dataset,
    entries: Sequence[Entry],
    deployments: Mapping[str, Deployment],
    rules: Normalization,
) -> Report:
    """What was found; ``entries`` are in the data set's order, ``deployments`` by preset."""
    rows = tuple(row for entry in entries for row in entry.rows)
    unusable = tuple(BadRow(entry.utterance, entry.bad) for entry in entries if entry.bad)
    if not rows:
        raise DatasetError(f"No clip of {data.name} can be used; the first: {unusable[0].id!r}: {unusable[0].reason}")
    first = recognizers[0]
    return Report(
        data=data.name,
        source=first.named,
        decoder=first.decoder.name,
        rows=rows,
        summaries=tuple(
            replace(
                summarize(each.preset.name, rows, first.preset.name, each.size_bytes()),
                recognizer=each.fingerprint(),
                build_seconds=each.build_seconds,
                deployment=deployments.get(each.preset.name),
                calibration=each.calibration,
                validation=each.validation,
            )
            for each in recognizers
        ),
        machine=this_machine(next((each.backend for each in recognizers if each.backend), "")),
        bad=(*data.bad, *unusable),
        planned=len(data.utterances) + len(data.bad),
        normalization=rules,
        calibration_notices=_calibration_notices(recognizers),
        read_as=data.read_as,
        notices=tuple(Notice(entry.utterance, entry.note) for entry in entries if entry.note and entry.rows),
        notes=first.origin.notes if first.origin else (),
    )


def _calibration_notices(recognizers: Sequence[Recognizer]) -> tuple[str, ...]:
    """What speaks against the clips that presets were calibrated with, in one sentence for all that it holds for."""
    names: dict[str, list[str]] = {}
    for each in recognizers:
        if each.calibration and each.calibration.notice:
            names.setdefault(each.calibration.notice, []).append(each.preset.name)
    return tuple(f"{', '.join(mine)}: {notice}" for notice, mine in names.items())


def _expect(
    recognizers: Sequence[Recognizer],
    waiting: Sequence[Utterance],
    crew: Crew,
    progress: Progress,
    expect: Callable[[Estimate], None] | None,
) -> None:
    if expect and (found := estimate(recognizers, waiting, crew.workers, partial(progress, "estimating", 0, 1))):
        expect(found)


def _run(
    bench: ClipBench,
    utterances: Sequence[Utterance],
    done: dict[str, Entry],
    journal: Journal | None,
    progress: Progress,
    watch: Watch | None,
    crew: Crew,
    roll: Roll,
) -> None:
    """Fill ``done`` with the clips that are not in it, and the roll with who did them."""

    def step() -> None:
        progress("transcribing", len(done), len(utterances))

    if watch:
        for entry in done.values():
            watch(entry)
    turns = [Turn(index, each) for index, each in enumerate(utterances) if each.id not in done]
    with closing(crew.do(bench, turns, step)) as results:
        for found in results:
            entry = found.result
            if found.again:
                roll.compare(done[entry.utterance], entry)
                continue
            roll.ran(found.place)
            if journal:
                journal.add(entry)
            done[entry.utterance] = entry
            if watch:
                watch(entry)
    step()


def _deploy(
    recognizers: Sequence[Recognizer],
    utterances: Sequence[Utterance],
    done: Mapping[str, Entry],
    deployments: dict[str, Deployment],
    progress: Progress,
) -> None:
    """Fill ``deployments`` by preset; one that cannot be saved has none."""
    lengths = {utterance: entry.rows[0].audio_seconds for utterance in utterances if (entry := done[utterance.id]).rows}
    fitting = [utterance for utterance, seconds in lengths.items() if seconds <= MAX_SECONDS]
    if not fitting:
        return
    audio = max(fitting, key=lengths.__getitem__).audio()
    for index, recognizer in enumerate(recognizers):
        step = partial(progress, "load time and memory", index, len(recognizers))
        try:
            deployments[recognizer.preset.name] = deploy(recognizer, audio, lambda *_, step=step: step())
        except (ExportError, FreshProcessError) as error:
            _log.warning("%s was not loaded in a fresh process: %s", recognizer.preset.name, error)


def _settings(recognizers: Sequence[Recognizer], data: Dataset, rules: Normalization) -> dict[str, Any]:
    """What a journal must have in common with a run that goes on with it."""
    first = recognizers[0]
    pieces = {each: f"\t{each.piece}" if each.piece else "" for each in data.utterances}
    clips = "".join(f"{each.id}\t{each.reference}{pieces[each]}\n" for each in data.utterances)
    return {
        "data": data.name,
        "clips": hashlib.sha256(clips.encode(errors="surrogateescape")).hexdigest(),
        "model": first.named,
        "decoder": first.decoder.name,
        "normalization": str(rules),
        "presets": [repr(replace(recognizer.preset, summary="")) for recognizer in recognizers],
        "recognizers": [recognizer.fingerprint() for recognizer in recognizers],
    }
