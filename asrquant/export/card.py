"""Manifest → words: the rows of its summary, and the model card that lies in the artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from asrquant.base.files import megabytes
from asrquant.base.tables import escaped, markdown, one_line
from asrquant.engines.engine import Format, PageFormat
from asrquant.export.hub import is_name
from asrquant.export.manifest import BrowserCheck, Manifest, Result, Verification
from asrquant.text.metrics import Measure

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData


def summary(manifest: Manifest) -> dict[str, str]:
    """What people want to know first, label → value."""
    rows = {
        "Model": f"{manifest.source.name}{_commit(manifest)}, preset {manifest.preset.name}, decoder {manifest.decoder}",
        "Format": f"{manifest.format}, {manifest.model_file}",
        "Size": f"{megabytes(manifest.model_bytes)}, {manifest.size_ratio:.1%} of the original's "
        f"{megabytes(manifest.original_bytes)}",
        "Verified": verified(manifest),
    }
    if manifest.browser:
        rows["In a browser"] = in_a_browser(manifest.browser)
    if counts := manifest.verification and manifest.verification.quantized:
        rows["Quantized modules"] = ", ".join(f"{count} {name}" for name, count in counts.items())
    if manifest.tuning:
        rows["Accuracy control"] = str(manifest.tuning)
    if manifest.source.notes:
        rows["How it was read"] = " ".join(manifest.source.notes)
    if manifest.validation:
        rows["Validation"] = f"{manifest.validation}{_LISTED}"
    if manifest.backend:
        rows["Backend"] = manifest.backend
    if manifest.calibration:
        rows["Calibration"] = f"{manifest.calibration}{_LISTED}"
        if manifest.calibration.notice:
            rows["Notice"] = f"{manifest.preset.name}: {manifest.calibration.notice}"
    rows["Made with"] = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
    rows["Made"] = f"{manifest.created} on {manifest.machine}"
    return rows


_PAGE = (
    "```sh\npython -m http.server\n```\n\nin this folder serves the page `index.html`, at http://localhost:8000, as any static "
    "host does, or a Static Space on the Hub. It asks no other server for anything, and once it is loaded it needs no network: "
    "the words are found in the visitor's browser, with ONNX Runtime Web (`ort/`, MIT)."
)
_LISTED = "; ids and sha256 in manifest.json"


def verified(manifest: Manifest) -> str:
    """The verification in a sentence."""
    if manifest.verification is None:
        return "no"
    return f"loaded back in a fresh process: {outcome(manifest.verification)}"


def outcome(check: Verification) -> str:
    """What a verification found, in a few words."""
    differ = "log-probs identical" if check.largest == 0 else f"log-probs differ by at most {check.largest:.2g}"
    return (
        f"{differ} (allowed {check.tolerance:g}) on {len(check.differences)} clips of 0.5 to 30 s, {check.identical} of "
        f"{check.transcripts} transcripts identical"
    )


def in_a_browser(check: BrowserCheck) -> str:
    """What came of opening the page in a browser, in a sentence."""
    if not check.browser:
        return f"not verified: {check.note}"
    return (
        f"opened in {check.browser}: log-probs of the original differ by at most {check.largest:.2g} (allowed "
        f"{check.tolerance:g}), the best label of the quantized model is the same in {check.same_best:.1%} of the frames "
        f"(allowed {check.least_same:.0%}); greedy transcripts identical on {check.original_texts} and "
        f"{check.quantized_texts} of {check.clips} clips"
    )


def measured(manifest: Manifest) -> pd.DataFrame | None:
    """The benchmark as a table, or None where none was run."""
    if manifest.measurement is None:
        return None
    rows = [
        {
            "preset": result.preset,
            **_rates(result, manifest.measurement.measure),
            "RTF encoder": f"{result.encoder_rtf:.4f}",
            "RTF whole": f"{result.rtf:.4f}",
            "encoder speed-up": f"{result.speedup:.2f} x",
        }
        for result in manifest.measurement.results
    ]
    return pd.DataFrame(rows)


def _rates(result: Result, measure: Measure) -> dict[str, str]:
    """WER and CER, the main figure first."""
    rates = {
        f"{name} (%)": "n/a" if rate is None else f"{rate:.1f}"
        for name, rate in (("WER", result.wer), ("CER", result.cer))
    }
    return dict(reversed(rates.items())) if measure == "CER" else rates


def conditions(manifest: Manifest) -> str:
    """What the benchmark was run on, or that none was."""
    if (run := manifest.measurement) is None:
        return "WER and speed were not measured when this was made."
    words = f", normalization {run.normalization}" if run.normalization else ""
    return f"{run.data}: {run.clips} clips, {run.words} words, decoder {run.decoder}{words}; {run.machine}"


def loading(manifest: Manifest, path: str) -> str:
    """Three lines of Python that load the artifact."""
    return f'import asrquant\n\nrecognizer = asrquant.load_artifact("{path}")\nprint(recognizer.transcribe("clip.wav").text)'


def _commit(manifest: Manifest) -> str:
    return f" at {manifest.source.commit[:8]}" if manifest.source.commit else ""


def card(manifest: Manifest, form: Format) -> str:
    """The model card, with the front matter that the Hugging Face Hub reads.

    Args:
        manifest: of the artifact.
        form: its format.
    """
    table = measured(manifest)
    sections = [
        f"---\n{metadata(manifest, form).to_yaml()}\n---",
        f"# {escaped(manifest.name)}",
        _what_it_is(manifest),
        f"Format `{manifest.format}`: {form.summary}.",
        markdown(pd.DataFrame({"": list(summary(manifest)), " ": list(summary(manifest).values())})),
        "## Measured",
        *([markdown(table)] if table is not None else []),
        escaped(("Measured on " if manifest.measurement else "") + conditions(manifest)),
        "## Use",
        *([_PAGE] if isinstance(form, PageFormat) else []),
        "```sh\npython transcribe.py clip.wav\n```",
        _script_note(manifest, form.script_needs),
        f"```python\n{loading(manifest, manifest.name)}\n```",
        "`sha256sum --check SHA256SUMS` checks the files. That they are unchanged does not say who made them: load artifacts "
        "of people you trust. `manifest.json` has every setting; `answers.npz` has what the model answered when it was "
        f"made, with which `python -m asrquant verify {manifest.name}` compares what it answers on your machine.",
        "## Licence",
        _licence(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def metadata(manifest: Manifest, form: Format) -> ModelCardData:
    """The card's front matter, in the Hub's own terms; what is not known is left out.

    Licence, languages and training data are those of the model that the artifact was made from, as its card has them; the WER
    is the artifact's own, where it was measured.
    """
    from huggingface_hub import ModelCardData

    said, quantized, source = manifest.source.card, is_quantized(manifest), manifest.source.name
    on_hub, found = is_name(source), _wer(manifest)
    link = said.license_link if said.license_link in manifest.files or "://" in said.license_link else ""
    return ModelCardData(
        language=list(said.languages) or None,
        license=said.license or None,
        license_name=said.license_name or None,
        license_link=link or None,
        library_name=form.library,
        pipeline_tag=_TASK,
        base_model=source if on_hub else None,
        base_model_relation="quantized" if on_hub and quantized else None,
        tags=["asrquant", *(["quantization"] if quantized else []), manifest.format],
        datasets=list(said.datasets) or None,
        metrics=[found.metric_type] if found else None,
        model_name=manifest.name if found else None,
        eval_results=[found] if found else None,
        **(_STATIC_SPACE if isinstance(form, PageFormat) else {}),
    )


_STATIC_SPACE: Mapping[str, Any] = {
    "title": "Original and quantized",
    "sdk": "static",
    "app_file": "index.html",
    "custom_headers": {
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "cross-origin",
    },
}
"""So that the folder can be pushed as a Static Space as it is; the headers let a page of its own have threads."""


def is_quantized(manifest: Manifest) -> bool:
    """Whether quantized modules were found in what was loaded back."""
    return bool(manifest.verification and manifest.verification.quantized)


def _wer(manifest: Manifest) -> EvalResult | None:
    """The artifact's own WER (or CER, the main figure), not the original's beside it; None where it was not measured."""
    from huggingface_hub import EvalResult

    if (run := manifest.measurement) is None:
        return None
    own = next((result for result in run.results if result.preset == manifest.preset.name), None)
    if own is None or (mine := own.cer if run.measure == "CER" else own.wer) is None:
        return None
    return EvalResult(
        task_type=_TASK,
        task_name="Automatic Speech Recognition",
        dataset_type=_DATA,
        dataset_name=f"{one_line(run.data)}: {run.clips} clips, {run.words} words",
        metric_type=run.measure.lower(),
        metric_name=f"{run.measure} (%), decoder {run.decoder}",
        metric_value=round(float(mine), 2),
    )


_TASK = "automatic-speech-recognition"
_DATA = "local-files"
"""For the Hub's id of a data set: the clips are files of whoever measured, not a data set of the Hub's."""


def _what_it_is(manifest: Manifest) -> str:
    name, preset = escaped(manifest.source.name), manifest.preset
    if not preset.engine:
        return f"The model {name} as it is, in float32, saved with asrquant."
    made = "Quantized" if is_quantized(manifest) else "Converted, not quantized,"
    return f"{made} from {name} with asrquant's preset {escaped(preset.name)}: {escaped(preset.summary)}"


def _licence(manifest: Manifest) -> str:
    files = [f"`{name}`" for name in manifest.files if name.startswith("LICENSE")]
    said = manifest.source.card
    if files:
        return f"The model's own, in {', '.join(files)}."
    if said.license:
        name = f" ({said.license_name})" if said.license_name else ""
        return f"The model's own: {escaped(said.license + name)}, as its card says; no licence file came with it."
    return "That of the model it was made from, which came without a licence file."


def _script_note(manifest: Manifest, needs: str) -> str:
    if needs == "asrquant":
        return "It needs asrquant."
    searches = (
        "" if manifest.decoder == "greedy" else f" It searches with the decoder {manifest.decoder}'s settings where "
        "`ctc-beam-decoder` is installed (`pip install ctc-beam-decoder`), else it decodes greedily, whose words can differ, and "
        "says which it did."
    )  # fmt: skip
    return f"It needs {needs} only, and reads one clip of any rate.{searches}"
