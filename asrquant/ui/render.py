"""Results → HTML. Whatever a visitor or a model wrote is escaped here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape

import pandas as pd

from asrquant.base.files import megabytes
from asrquant.base.progress import BYTES
from asrquant.export.card import conditions as conditions_of
from asrquant.export.card import measured, summary
from asrquant.export.store import Artifact
from asrquant.jobs.outlook import LEFT
from asrquant.measure.compare import Comparison, Measured
from asrquant.show.confidence import doubt, sure
from asrquant.text.metrics import Edit

_ELSE = "Try one of the clips above, or another model (Model, decoder, runs)."
"""What somebody can do whose words the model does not know."""


def progress_bar(stage: str, done: int, total: int) -> str:
    """A stage with its count and a bar."""
    percent = round(100 * done / total) if total else 0
    waiting = "" if total > 1 else " aq-waiting"  # nobody knows how far it is
    count = f" {done}/{total}" if total > 1 else ""
    if stage.endswith(BYTES):
        stage, count = stage.removesuffix(BYTES).rstrip(), f" {megabytes(done)} of {megabytes(total)}"
    name, *left = stage.partition(LEFT)
    return (
        f'<div class="aq-status" role="status"><span>{escape(name)}{count}{escape("".join(left))}</span>'
        f'<div class="aq-bar{waiting}" role="progressbar" aria-label="{escape(stage)}" aria-valuenow="{percent}" '
        f'aria-valuemin="0" aria-valuemax="100"><div style="width:{percent}%"></div></div></div>'
    )


def waiting() -> str:
    """The line before a job, where nobody knows yet how long it is."""
    return progress_bar("waiting for a turn", 0, 1)


def steps(names: Mapping[str, Collection[str]], stage: str) -> str:
    """The steps of a job in a line, up to the one that ``stage`` belongs to."""
    current = next((index for index, stages in enumerate(names.values()) if stage in stages), 0)
    states = ["done" if index < current else "now" if index == current else "next" for index in range(len(names))]
    items = (f'<li class="aq-{state}">{escape(name)}</li>' for name, state in zip(names, states, strict=True))
    return f'<ol class="aq-steps">{"".join(items)}</ol>'


def notice(message: str) -> str:
    """Something that went as it should."""
    return f'<div class="aq-status" role="status">{escape(message)}</div>'


def problem(message: str) -> str:
    """Something that the visitor should read."""
    return f'<div class="aq-problem" role="alert"><b aria-hidden="true">!</b> {escape(message)}</div>'


def about(words: str) -> str:
    """A line on what is chosen."""
    return f'<div class="aq-quiet">{escape(words)}</div>'


def absent(reasons: Mapping[str, Collection[str]]) -> str:
    """What cannot be chosen on this machine: reason → names."""
    lines = (
        f"<li>{', '.join(f'<del>{escape(name)}</del>' for name in names)}: {escape(reason)}</li>"
        for reason, names in reasons.items()
    )
    return f'<div class="aq-quiet">Not on this machine:<ul>{"".join(lines)}</ul></div>'


def transcript(name: str, words: str, note: str = "", copied: str | None = None) -> str:
    """One transcript.

    Args:
        name: whose.
        words: HTML already.
        note: said beside the name.
        copied: text that a button copies; None has no button.
    """
    shown = words or '<i class="aq-quiet">(no words)</i>'
    button = (
        f'<button type="button" class="aq-copy" data-words="{escape(copied)}"><span aria-live="polite">Copy</span>'
        f'<span class="aq-hidden"> {escape(name)}</span></button>'
        if copied
        else ""
    )
    return (
        f'<div class="aq-transcript"><div class="aq-name">{escape(name)} <span>{escape(note)}</span>{button}</div>'
        f'<p lang="en" dir="auto">{shown}</p></div>'
    )


def transcripts(comparison: Comparison) -> str:
    """Both transcripts with the words that changed marked, under the reference where there is one."""
    changed = sum(edit.operation != "=" for edit in comparison.changes)
    note = "no word changed" if not changed else f"{changed} word{'s' * (changed > 1)} changed"
    rows = [
        transcript("Reference", escape(comparison.reference)) if comparison.reference else "",
        transcript(
            "Original",
            _words(comparison.changes, quantized=False),
            f"float32{_sure(comparison.original)}{_wrong(comparison.original)}",
            comparison.original.text,
        ),
        transcript(
            "Quantized",
            _words(comparison.changes, quantized=True),
            f"{comparison.quantized.preset}{_sure(comparison.quantized)}, {note}{_wrong(comparison.quantized)}",
            comparison.quantized.text,
        ),
    ]
    legend = (
        '<p class="aq-quiet">Marked words differ: <mark class="aq-changed">changed</mark> '
        '<mark class="aq-lost">lost</mark> <mark class="aq-added">added</mark></p>'
        if changed
        else ""
    )
    unsure = notice(f"{said} {_ELSE}") if (said := doubt(comparison)) else ""
    return f'<div class="aq-transcripts">{"".join(rows)}{legend}{unsure}</div>'


def _sure(measured: Measured) -> str:
    said = sure(measured)
    return f", {said}" if said else ""


def _wrong(measured: Measured) -> str:
    if measured.errors is None:
        return ""
    whole = measured.errors.measure == "CER"
    count = measured.errors.character_errors if whole else measured.errors.errors
    unit = "wrong character" if whole else "error"
    return f", {count or 'no'} {unit}{'s' * (count > 1)} against the reference"


def _words(changes: tuple[Edit, ...], quantized: bool) -> str:
    return " ".join(filter(None, (_word(edit, quantized) for edit in changes)))


def _word(edit: Edit, quantized: bool) -> str:
    word = edit.second if quantized else edit.first
    if not word:
        return ""
    if edit.operation == "=":
        return escape(word)
    kind, said = {"S": ("changed", "changed"), "D": ("lost", "lost when quantized"), "I": ("added", "added")}[
        edit.operation
    ]
    return f'<mark class="aq-{kind}">{escape(word)}<span class="aq-hidden"> ({said})</span></mark>'


def _card(title: str, value: str, caption: str) -> str:
    return f'<div class="aq-card"><h2>{escape(title)}</h2><b>{escape(value)}</b><span>{escape(caption)}</span></div>'


def table(frame: pd.DataFrame, caption: str) -> str:
    """A table with row headers, that scrolls by itself on a narrow page."""
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in frame.columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>{"".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])}</tr>'
        for row in frame.itertuples(index=False)
    )
    return (
        f'<div class="aq-table" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def conditions(comparison: Comparison, clip: str, preset: str) -> str:
    """What was received and where it was measured.

    Args:
        comparison: that was made.
        clip: the file's name; what the page shows beside the results may be another one by now.
        preset: in full.
    """
    parts = [
        f"Clip: {clip}",
        f"Preset: {preset}",
        f"Received: {comparison.received}",
        f"Model: {comparison.source}, decoder {comparison.decoder}",
        f"Words: compared after the normalization {comparison.normalization}",
        f"Measured: median of {comparison.runs} alternating runs each, after a warm-up",
        f"Machine: {comparison.machine}",
        *([f"Calibrated with: {comparison.calibration}"] if comparison.calibration else []),
        *([f"Accuracy control: {comparison.tuning}"] if comparison.tuning else []),
        *([f"Validated with: {comparison.validation}"] if comparison.validation else []),
        *comparison.notes,
    ]
    facts = f'<ul class="aq-conditions">{"".join(f"<li>{escape(part)}</li>" for part in parts)}</ul>'
    return facts + (problem(comparison.notice) if comparison.notice else "")


def manifest(artifact: Artifact) -> str:
    """An artifact's manifest as a summary: cards, facts, and what was measured."""
    said = artifact.manifest
    check = said.verification
    counts = check.quantized if check else {}
    cards_ = (
        _card("Model file", megabytes(said.model_bytes), f"{said.size_ratio:.0%} of {megabytes(said.original_bytes)}")
        + _card("Verified", "✓" if check and check.passed else "no", "loaded in a fresh process, the same answers")
        + _card("Quantized modules", str(sum(counts.values())), _kinds(counts))
    )
    facts = pd.DataFrame(summary(said).items(), columns=["", artifact.name])
    measured_ = measured(said)
    return (
        f'<div class="aq-cards">{cards_}</div>'
        + f'<div class="aq-facts">{table(facts, "What the manifest says")}</div>'
        + (table(measured_, f"Measured on {conditions_of(said)}") if measured_ is not None else "")
    )


def files(artifact: Artifact) -> str:
    """The zip and the files in it, each with its sha256."""
    rows = [(artifact.zip.name, f"{artifact.zip.stat().st_size:,}", artifact.zip_sha256)]
    rows += [(name, f"{entry.bytes:,}", entry.sha256) for name, entry in artifact.manifest.files.items()]
    listing = pd.DataFrame(rows, columns=["File", "Bytes", "sha256"])
    return f'<div class="aq-files">{table(listing, "The download, and the files in it")}</div>'


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none: float32"


def artifacts(found: Collection[Artifact]) -> str:
    """Those that exist, each with the buttons that the list listens to; deleting is asked about."""
    if not found:
        return f'<div id="no-artifacts">{notice("None yet.")}</div>'
    buttons = (("take", "Download"), ("ask", "Delete"), ("delete", "Delete it"), ("keep", "Keep it"))
    return "".join(
        f'<div class="aq-artifact">{artifact_line(each)}<div class="aq-buttons">'
        + "".join(
            f'<button type="button" data-act="{act}" data-name="{escape(each.name)}">{label}</button>'
            for act, label in buttons
        )
        + "</div></div>"
        for each in found
    )


def artifact_line(artifact: Artifact) -> str:
    """One artifact in the list of those that exist."""
    said = artifact.manifest
    parts = [
        f"{megabytes(said.model_bytes)}, {said.size_ratio:.0%} of the original",
        "verified" if said.verification and said.verification.passed else "not verified",
        said.created.replace("T", " ").removesuffix("+00:00") + " UTC",
        f"{megabytes(artifact.bytes)} on disk",
    ]
    return f'<div class="aq-line"><b>{escape(artifact.name)}</b><span>{escape(" · ".join(parts))}</span></div>'
