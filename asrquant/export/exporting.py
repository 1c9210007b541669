"""Recognizer → ``Artifact``: a folder and its zip, verified in a fresh process before it is offered."""

from __future__ import annotations

import datetime
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asrquant.base.errors import ExportError
from asrquant.base.files import describe, tree_bytes
from asrquant.base.progress import Progress, silent
from asrquant.base.versions import installed
from asrquant.engines.engine import Format, PageFormat
from asrquant.engines.registry import get_format
from asrquant.export.answers import answers, save_answers
from asrquant.export.browser import try_in_browser
from asrquant.export.card import card
from asrquant.export.company import write_company
from asrquant.export.loading import ANSWERS, load_artifact, verify, verify_in_fresh_process
from asrquant.export.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    BrowserCheck,
    Manifest,
    Measurement,
    Result,
    Source,
    Verification,
    write_json,
)
from asrquant.export.packing import pack
from asrquant.export.store import Artifact, Exports
from asrquant.export.sums import describe_files, write_sums
from asrquant.measure.compare import this_machine
from asrquant.measure.report import Report
from asrquant.model.engine_settings import TorchEager
from asrquant.model.recognizer import Origin, Recognizer

__all__ = [
    "Artifact", "Exports", "Manifest", "Verification", "export", "load_artifact", "verify",
]  # fmt: skip

CARD = "README.md"
_LIBRARIES = ("torch", "speechbrain", "transformers", "openvino", "nncf", "onnxruntime", "onnx")
_OVERHEAD = 5_000_000
"""Bytes beside the weights: answers, card, architecture."""


def export(
    recognizer: Recognizer,
    format: str | None = None,
    folder: str | Path | Exports | None = None,
    report: Report | None = None,
    progress: Progress = silent,
    original: Recognizer | None = None,
) -> Artifact:
    """Save a recognizer as an artifact.

    It is loaded back in a fresh process, and its log-probs on clips of 0.5 to 30 s and its transcripts of the bundled
    examples are compared with the recognizer's, before it gets its name. Nothing is overwritten, and nothing stays
    behind if this fails, is cancelled or killed (leftovers are swept by the next export).

    Args:
        recognizer: float or quantized, with the decoder that the artifact shall have.
        format: one that the recognizer's engine brings, such as ``torchscript`` or ``state-dict``; None takes its first.
        folder: where artifacts are kept, made if it is not there; None takes the settings' (``ASRQUANT_EXPORTS``).
        report: a benchmark of this recognizer, whose WER and RTF the artifact then states.
        progress: called at each step; may raise ``Cancelled``.
        original: what the recognizer was quantized from, for a format that has both (``web``); others do without.

    Raises:
        ExportError: no such format, no room, the disk failed, or the artifact did not answer as the recognizer does.
        SettingError: a setting cannot be used.
        Cancelled: by ``progress``.
    """
    form = get_format(format, recognizer.preset)
    page = _page(form, original)
    exports = folder if isinstance(folder, Exports) else Exports(folder)
    with exports.lock(progress):
        exports.admit(_estimate(recognizer) + (2 * page.original.size_bytes() if page else 0))
        with exports.staging() as stage:
            name = exports.free_name(_name(recognizer, form.name))
            staged = stage / name
            files = staged / name
            files.mkdir(parents=True)
            progress("saving", 0, 1)
            form.save(recognizer, files)
            if page:
                page.form.save_page(recognizer, page.original, files)
            write_company(recognizer, form, files)
            live = answers(recognizer, progress)
            save_answers(live, files / ANSWERS)
            manifest = _manifest(recognizer, form, name, files, _measurement(report, recognizer))
            write_json(manifest, files / MANIFEST)
            write_sums(files, manifest.files)
            verification = verify_in_fresh_process(files, progress)
            _refuse(verification, live.quantized)
            browser = try_in_browser(files, recognizer, page.original, progress) if page else None
            _refuse_page(browser)
            manifest = replace(manifest, verification=verification, browser=browser)
            (files / CARD).write_text(card(manifest, form), encoding="utf-8")
            manifest = replace(manifest, files={**manifest.files, CARD: describe(files / CARD)})
            write_json(manifest, files / MANIFEST)
            write_sums(files, manifest.files)
            pack(files, progress)
            exports.stay_within_bound(tree_bytes(staged))
            progress("keeping", 0, 1)
            return exports.publish(staged)


@dataclass(frozen=True)
class _Page:
    """A format that has the original beside the quantized model, and that original."""

    form: PageFormat
    original: Recognizer


def _page(form: Format, original: Recognizer | None) -> _Page | None:
    if not isinstance(form, PageFormat):
        return None
    if original is None:
        raise ExportError(
            f"The format {form.name} shows the original beside the quantized model; give original=, the recognizer that it was "
            "quantized from."
        )
    return _Page(form, original)


def _estimate(recognizer: Recognizer) -> int:
    """Bytes that the artifact will take, folder and zip, rather too many than too few."""
    ngram = recognizer.vocabulary.ngram
    weights = int(1.1 * recognizer.size_bytes())
    settings = recognizer.preset.settings
    if recognizer.original_bytes and isinstance(settings, TorchEager) and settings.dynamic_dtype == "float16":
        weights = recognizer.original_bytes  # TorchScript stores them as float32
    return 2 * (weights + (ngram.stat().st_size if ngram else 0) + _OVERHEAD)


def _name(recognizer: Recognizer, format: str) -> str:
    """Such as ``an4-dynamic-int8-torchscript``: letters, digits, dots and dashes, which every disk takes."""
    source = (recognizer.origin.name if recognizer.origin else "model").split("/")[-1]
    slug = re.sub(r"[^a-z0-9.]+", "-", f"{source}-{recognizer.preset.name}-{format}".lower())
    return slug.strip("-.")[:100] or "model"


def _manifest(
    recognizer: Recognizer, form: Format, name: str, files: Path, measurement: Measurement | None
) -> Manifest:
    origin = recognizer.origin or Origin(recognizer.source, "", {})
    machine = this_machine(recognizer.backend)
    return Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        format=form.name,
        model_file=form.model_files[0],
        model_bytes=sum((files / name).stat().st_size for name in form.model_files),
        original_bytes=recognizer.original_bytes or recognizer.size_bytes(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        source=Source(origin.name, origin.toolkit, dict(origin.sha256), origin.card, origin.commit, origin.notes),
        preset=recognizer.preset,
        roles=recognizer.roles,
        backend=recognizer.backend,
        calibration=recognizer.calibration,
        validation=recognizer.validation,
        tuning=recognizer.tuning,
        decoder=recognizer.decoder.name,
        versions={"python": platform.python_version(), **_versions(_LIBRARIES)},
        machine=f"{machine.cpu}, {platform.machine()}",
        files=describe_files(files),
        measurement=measurement,
        frame_samples=recognizer.frame_samples,
    )


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    return {library: found for library in libraries if (found := installed(library))}


def _measurement(report: Report | None, recognizer: Recognizer) -> Measurement | None:
    """The lines of a report that are about this recognizer.

    Raises:
        ExportError: the report is about another one.
    """
    if report is None:
        return None
    names = [summary.preset for summary in report.summaries]
    own = recognizer.fingerprint()
    if all(summary.recognizer != own for summary in report.summaries):
        alike = recognizer.preset.name in names and report.source == recognizer.named
        raise ExportError(
            f"The report is about {report.source} with {', '.join(names)}, not about "
            + (f"this {recognizer.preset.name}, which was made otherwise" if alike
               else f"{recognizer.named} with {recognizer.preset.name}")
            + "; benchmark the recognizer that is exported."
        )  # fmt: skip
    wanted = dict.fromkeys((names[0], recognizer.preset.name))
    return Measurement(
        data=report.data,
        clips=len({row.utterance for row in report.rows}),
        words=report.summaries[0].errors.reference_words,
        decoder=report.decoder,
        machine=str(report.machine),
        results=tuple(
            Result(
                summary.preset,
                summary.errors.wer,
                summary.encoder_rtf,
                summary.rtf,
                summary.speedup,
                summary.errors.cer,
            )
            for summary in report.summaries
            if summary.preset in wanted
        ),
        measure=report.measure,
        normalization=str(report.normalization),
    )


def _refuse(verification: Verification, quantized: Mapping[str, int]) -> None:
    if not verification.passed:
        raise ExportError(
            "The artifact was loaded back and did not answer as the model does (log-probs differ by up to "
            f"{verification.largest:.2g}, {verification.identical} of {verification.transcripts} transcripts are the same), "
            "so it was not kept; try the other format."
        )
    if quantized and not verification.quantized:
        raise ExportError("The artifact was loaded back and holds no quantized module, so it was not kept.")


def _refuse_page(check: BrowserCheck | None) -> None:
    if check and check.browser and not check.passed:
        raise ExportError(
            f"The page was opened in {check.browser} and did not answer as the models do (log-probs of the original differ by up "
            f"to {check.largest:.2g}, the quantized one's best label is the same in {check.same_best:.1%} of the frames), so it "
            "was not kept; use the format onnx."
        )
