"""Recognizers x data set → ``Report``: a row a clip and preset, a summary a preset."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from asrquant.audio.clip import MAX_SECONDS, Audio
from asrquant.audio.recording import Recording
from asrquant.base.errors import AudioError, Cancelled, DatasetError, ExportError, FreshProcessError, PresetError
from asrquant.base.progress import Progress, silent
from asrquant.base.turns import in_turn
from asrquant.data.dataset import BadRow, Dataset, Utterance
from asrquant.measure.compare import this_machine
from asrquant.measure.deployment import Deployment, deploy
from asrquant.measure.journal import NAME, Entry, Journal
from asrquant.measure.report import Notice, Report, Row, summarize
from asrquant.model.presets import refuse_equal_names
from asrquant.model.recognizer import Recognizer
from asrquant.text.metrics import refuse_foreign, word_errors
from asrquant.text.normalize import BASIC, Normalization, normalization, normalize_text

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

    Raises:
        PresetError: there is no recognizer, or two have presets of one name.
        DatasetError: there are no clips, none can be used, a reference is not in the normalization's language, or ``folder``
            holds something else.
        ValueError: there is no such normalization.
        Cancelled: ``progress`` did.
    """
    rules = normalization(normalize)
    if not recognizers:
        raise PresetError("There is no recognizer to run; give at least one.")
    data = data if isinstance(data, Dataset) else Dataset(name, tuple(data))
    if not data.utterances:
        raise DatasetError("There are no clips to run; give a data set with at least one.")
    refuse_equal_names([recognizer.preset for recognizer in recognizers])
    refuse_foreign((utterance.reference for utterance in data.utterances), rules)
    journal = Journal(folder / NAME, _settings(recognizers, data, rules), resume) if folder else None
    done: dict[str, Entry] = dict(journal.done) if journal else {}
    deployments: dict[str, Deployment] = {}
    try:
        _run(recognizers, data.utterances, done, journal, progress, watch, rules)
        if deployed:
            _deploy(recognizers, data.utterances, done, deployments, progress)
    except (Cancelled, KeyboardInterrupt):
        if not keep_partial or not any(entry.rows for entry in done.values()):
            raise
    finally:
        if journal:
            journal.close()
    entries = [done[each.id] for each in data.utterances if each.id in done]
    return _report(recognizers, data, entries, deployments, rules)


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
        source=first.source,
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
        calibration_notices=_notices(recognizers),
        read_as=data.read_as,
        notices=tuple(Notice(entry.utterance, entry.note) for entry in entries if entry.note and entry.rows),
    )


def _notices(recognizers: Sequence[Recognizer]) -> tuple[str, ...]:
    """What speaks against the clips that presets were calibrated with, in one sentence for all that it holds for."""
    names: dict[str, list[str]] = {}
    for each in recognizers:
        if each.calibration and each.calibration.notice:
            names.setdefault(each.calibration.notice, []).append(each.preset.name)
    return tuple(f"{', '.join(mine)}: {notice}" for notice, mine in names.items())


def _run(
    recognizers: Sequence[Recognizer],
    utterances: Sequence[Utterance],
    done: dict[str, Entry],
    journal: Journal | None,
    progress: Progress,
    watch: Watch | None,
    rules: Normalization,
) -> None:
    for entry in done.values():
        if watch:
            watch(entry)
    warm = False
    for index, utterance in enumerate(utterances):
        progress("transcribing", index, len(utterances))
        if utterance.id in done:
            continue
        if not normalize_text(utterance.reference, rules):
            entry = Entry(utterance.id, bad=_no_words(rules))
        else:
            entry, warm = _entry(recognizers, utterance, in_turn(recognizers, index), warm, rules)
        if journal:
            journal.add(entry)
        done[utterance.id] = entry
        if watch:
            watch(entry)
    progress("transcribing", len(utterances), len(utterances))


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


def _entry(
    recognizers: Sequence[Recognizer],
    utterance: Utterance,
    turns: Sequence[Recognizer],
    warm: bool,
    rules: Normalization,
) -> tuple[Entry, bool]:
    """One clip through the recognizers in this order of turns; whether they are warm now."""
    try:
        audio = utterance.open()
        for recognizer in () if warm else recognizers:
            recognizer.transcribe(audio)
        found = {r.preset.name: _row(r, utterance, audio, rules) for r in turns}
        rows = tuple(found[recognizer.preset.name] for recognizer in recognizers)
        return Entry(utterance.id, rows, note=audio.source_note), True
    except AudioError as error:  # of a recording also while it is transcribed, as it stays on disk
        return Entry(utterance.id, bad=str(error)), warm


def _no_words(rules: Normalization) -> str:
    """Why a row is not used: a WER over no words is none, and what is heard there would be errors without words."""
    return f"has no words once it is normalized ({rules}); every row needs the words spoken"


def _row(recognizer: Recognizer, utterance: Utterance, audio: Audio | Recording, rules: Normalization) -> Row:
    heard = recognizer.transcribe(audio)
    return Row(
        utterance.id, recognizer.preset.name, utterance.reference, heard.text,
        word_errors(utterance.reference, heard.text, rules), heard.audio_seconds, heard.encoder_seconds, heard.decoder_seconds,
    )  # fmt: skip


def _settings(recognizers: Sequence[Recognizer], data: Dataset, rules: Normalization) -> dict[str, Any]:
    """What a journal must have in common with a run that goes on with it."""
    first = recognizers[0]
    pieces = {each: f"\t{each.piece}" if each.piece else "" for each in data.utterances}
    clips = "".join(f"{each.id}\t{each.reference}{pieces[each]}\n" for each in data.utterances)
    return {
        "data": data.name,
        "clips": hashlib.sha256(clips.encode(errors="surrogateescape")).hexdigest(),
        "model": first.source,
        "decoder": first.decoder.name,
        "normalization": str(rules),
        "presets": [repr(replace(recognizer.preset, summary="")) for recognizer in recognizers],
        "recognizers": [recognizer.fingerprint() for recognizer in recognizers],
    }
