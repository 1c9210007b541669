"""Report → ``report.json``, ``rows.csv``, ``summary.csv`` and ``report.html``."""

from __future__ import annotations

import dataclasses
import html
import json
from pathlib import Path

import pandas as pd

from asrquant.measure.report import Rate, Report, Row, Summary
from asrquant.show.report import (
    accuracy_columns,
    bad_table,
    latency_figure,
    latency_table,
    lost_figure,
    lost_words,
    notices_table,
    report_table,
    speed_figure,
    tradeoff_figure,
)

FILES = ("report.json", "rows.csv", "summary.csv", "report.html")
_NOTES = (
    "In brackets: 95 % intervals by bootstrap over clips; for the change, which is that of the first rate, paired. An interval "
    "that holds 0 means that these clips do not show a difference. Loading and peak memory: the saved encoder in a fresh "
    "process, on the longest clip, with Python and its libraries; in brackets without them."
)
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid #8884; padding: .25rem .6rem; text-align: left; }
th { background: #8882; }
h2 { margin-top: 2.5rem; font-size: 1.15rem; }
.quiet { opacity: .75; }
"""


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write the four files, each whole or not at all.

    Returns:
        Their paths, in the order of ``FILES``.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = (
        json.dumps(dataclasses.asdict(report), indent=1),
        rows_table(report.rows).to_csv(index=False),
        summary_table(report.summaries).to_csv(index=False),
        page(report),
    )
    for name, text in zip(FILES, texts, strict=True):
        beside = folder / f".{name}.new"
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")  # half a character is no reason to lose it
        beside.replace(folder / name)
    return tuple(folder / name for name in FILES)


def rows_table(rows: tuple[Row, ...]) -> pd.DataFrame:
    """A row a clip and preset, times in seconds."""
    return pd.DataFrame(
        [
            {
                "utterance": row.utterance, "preset": row.preset, "reference": row.reference, "hypothesis": row.hypothesis,
                "substitutions": row.errors.substitutions, "deletions": row.errors.deletions,
                "insertions": row.errors.insertions, "reference_words": row.errors.reference_words,
                "character_errors": row.errors.character_errors, "reference_characters": row.errors.reference_characters,
                "audio_seconds": row.audio_seconds, "encoder_seconds": row.encoder_seconds,
                "decoder_seconds": row.decoder_seconds, "processor": row.processor,
            }
            for row in rows
        ]
    )  # fmt: skip


def summary_table(summaries: tuple[Summary, ...]) -> pd.DataFrame:
    """A row a preset, in numbers: WER and CER and their changes in percent and points, times in seconds, size in bytes."""
    rows = []
    for s in summaries:
        rows.append(
            {
                "preset": s.preset, **_rate(s.wer, "wer", "change"), **_rate(s.cer, "cer", "cer_change"),
                "measure": s.errors.measure, "substitutions": s.errors.substitutions,
                "deletions": s.errors.deletions, "insertions": s.errors.insertions,
                "reference_words": s.errors.reference_words, "character_errors": s.errors.character_errors,
                "reference_characters": s.errors.reference_characters, "encoder_rtf": s.encoder_rtf, "rtf": s.rtf,
                "speedup": s.speedup, "p50_seconds": s.p50, "p95_seconds": s.p95, "size_bytes": s.size_bytes,
                "calibration": s.calibration and str(s.calibration),
                "build_seconds": s.build_seconds, "load_seconds": s.deployment and s.deployment.load_seconds,
                "peak_bytes": s.deployment and s.deployment.peak_bytes, "own_bytes": s.deployment and s.deployment.own_bytes,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _rate(rate: Rate, name: str, change: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for column, value, interval in ((name, rate.value, rate.interval), (change, rate.change, rate.change_interval)):
        found |= {column: value, f"{column}_low": None, f"{column}_high": None}
        if interval:
            found |= {f"{column}_low": interval.low, f"{column}_high": interval.high}
    return found


def about(report: Report) -> str:
    """What was measured on what, in a sentence."""
    said = report.summaries[0].errors
    units = f"{said.reference_characters} characters" if report.measure == "CER" else f"{said.reference_words} words"
    text = (
        f"{report.clips} clips, {units}, {report.audio_seconds:.0f} s of audio of {report.data}; model {report.source}, "
        f"decoder {report.decoder}, normalization {report.normalization}; {report.machine}"
    )
    text += "".join(f"; {said}" for said in _calibrated(report))
    if report.measure == "CER":
        text += "; the main figure is CER, as the script puts no spaces between words"
    for note in report.notes:
        text += f"; {note[0].lower()}{note[1:].rstrip('.')}"
    if report.stopped:
        text += f"; stopped after {report.clips} of {report.planned} clips"
    if report.read_as:
        text += f"; {report.read_as}"
    if report.bad:
        text += f"; {len(report.bad)} row{'s' * (len(report.bad) > 1)} could not be used"
    if report.nodes:
        ran = ", ".join(f"{node.name} {node.clips}" for node in report.nodes)
        text += f"; clips by node: {ran}"
    if len(report.processors) > 1:
        text += (
            f"; run on {len(report.processors)} kinds of processor ({'; '.join(report.processors)}), between which times are not "
            "comparable and texts may differ"
        )
    if report.recheck:
        text += f"; {report.recheck}"
    if report.notices:
        text += f"; {len(report.notices)} clip{'s' * (len(report.notices) > 1)} with a notice on how it was read"
    return text


def _calibrated(report: Report) -> list[str]:
    """Which presets were made with which clips."""
    names: dict[str, list[str]] = {}
    for summary in report.summaries:
        for what, used in (("calibrated with", summary.calibration), ("accuracy control on", summary.validation)):
            if used:
                names.setdefault(f"{what} {used}", []).append(summary.preset)
    return [f"{', '.join(mine)} {said}" for said, mine in names.items()]


def page(report: Report) -> str:
    """One self-contained HTML file with the tables and charts."""
    whole = report_table(report)
    parts = [
        f"<p class=quiet>{html.escape(about(report))}.</p>",
        *(f"<p><strong>{html.escape(notice)}.</strong></p>" for notice in report.calibration_notices),
        _table(whole),
        *([f"<p class=quiet>{html.escape(report.raced)}</p>"] if report.raced else []),
        f"<p class=quiet>{_NOTES}</p>",
        "<h2>Accuracy against speed</h2>", tradeoff_figure(report).to_html(full_html=False, include_plotlyjs=True),
        _table(whole[[*accuracy_columns(report), "RTF encoder", "size (MB)"]]),
        "<h2>Speed</h2>", speed_figure(report).to_html(full_html=False, include_plotlyjs=False),
        _table(whole[["preset", "RTF encoder", "RTF whole", "encoder speed-up", "p50 / p95 (ms)"]]),
        "<h2>Latency</h2>", latency_figure(report).to_html(full_html=False, include_plotlyjs=False),
        _table(latency_table(report)),
    ]  # fmt: skip
    if len(report.summaries) > 1:
        parts += [
            "<h2>Where the errors moved</h2>",
            lost_figure(report).to_html(full_html=False, include_plotlyjs=False),
        ]
        for summary in report.summaries[1:]:
            lost = lost_words(report, summary.preset)
            parts.append(
                f"<h3>{html.escape(summary.preset)}</h3>" + (_table(lost) if len(lost) else "<p>No word was lost.</p>")
            )
    if report.bad:
        parts += ["<h2>Rows that could not be used</h2>", _table(bad_table(report))]
    if report.notices:
        parts += ["<h2>Notices</h2>", _table(notices_table(report))]
    body = "\n".join(parts)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>asrquant benchmark</title><style>{_STYLE}</style><h1>What quantization did</h1>{body}</html>"
    )


def _table(table: pd.DataFrame) -> str:
    return str(table.to_html(index=False, border=0, escape=True))
