"""Manifest → words: the rows of its summary, and the model card that lies in the artifact."""

from __future__ import annotations

import json

import pandas as pd

from asrquant.engines import Format
from asrquant.export.manifest import Manifest, Verification
from asrquant.files import megabytes
from asrquant.text import markdown

LIBRARY = "speechbrain"


def summary(manifest: Manifest) -> dict[str, str]:
    """What people want to know first, label → value."""
    rows = {
        "Model": f"{manifest.source.name}, preset {manifest.preset.name}, decoder {manifest.decoder}",
        "Format": f"{manifest.format}, {manifest.model_file}",
        "Size": f"{megabytes(manifest.model_bytes)}, {manifest.size_ratio:.1%} of the original's "
        f"{megabytes(manifest.original_bytes)}",
        "Verified": verified(manifest),
    }
    if counts := manifest.verification and manifest.verification.quantized:
        rows["Quantized modules"] = ", ".join(f"{count} {name}" for name, count in counts.items())
    if manifest.tuning:
        rows["Accuracy control"] = str(manifest.tuning)
    if manifest.backend:
        rows["Backend"] = manifest.backend
    if manifest.calibration:
        rows["Calibration"] = f"{len(manifest.calibration)} clips, named in manifest.json"
    rows["Made with"] = ", ".join(f"{library} {version}" for library, version in manifest.versions.items())
    rows["Made"] = f"{manifest.created} on {manifest.machine}"
    return rows


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


def measured(manifest: Manifest) -> pd.DataFrame | None:
    """The benchmark as a table, or None where none was run."""
    if manifest.measurement is None:
        return None
    rows = [
        {
            "preset": result.preset,
            "WER (%)": "n/a" if result.wer is None else f"{result.wer:.1f}",
            "RTF encoder": f"{result.encoder_rtf:.4f}",
            "RTF whole": f"{result.rtf:.4f}",
            "encoder speed-up": f"{result.speedup:.2f} x",
        }
        for result in manifest.measurement.results
    ]
    return pd.DataFrame(rows)


def conditions(manifest: Manifest) -> str:
    """What the benchmark was run on, or that none was."""
    if (run := manifest.measurement) is None:
        return "WER and speed were not measured when this was made."
    return f"{run.data}: {run.clips} clips, {run.words} words, decoder {run.decoder}; {run.machine}"


def loading(manifest: Manifest, path: str) -> str:
    """Three lines of Python that load the artifact."""
    return f'import asrquant\n\nrecognizer = asrquant.load_artifact("{path}")\nprint(recognizer.transcribe("clip.wav").text)'


def card(manifest: Manifest, form: Format) -> str:
    """The model card, with the front matter that the Hugging Face Hub reads.

    Args:
        manifest: of the artifact.
        form: its format.
    """
    head = ["---", f"library_name: {LIBRARY}", "pipeline_tag: automatic-speech-recognition"]
    if "/" in manifest.source.name:
        head += [f"base_model: {json.dumps(manifest.source.name)}", "base_model_relation: quantized"]
    head += ["tags:", "- asrquant", "- quantization", f"- {manifest.format}", "---"]
    table = measured(manifest)
    sections = [
        "\n".join(head),
        f"# {manifest.name}",
        f"{manifest.source.name}, quantized with asrquant's preset `{manifest.preset.name}`: {manifest.preset.summary}"
        if manifest.preset.engine
        else f"{manifest.source.name} as it is, in float32, saved with asrquant.",
        f"Format `{manifest.format}`: {form.summary}.",
        markdown(pd.DataFrame({"": list(summary(manifest)), " ": list(summary(manifest).values())})),
        "## Measured",
        *([markdown(table)] if table is not None else []),
        conditions(manifest),
        "## Use",
        "```sh\npython transcribe.py clip.wav\n```",
        _script_note(manifest, form.script_needs),
        f"```python\n{loading(manifest, manifest.name)}\n```",
        "`sha256sum --check SHA256SUMS` checks the files. That they are unchanged does not say who made them: load artifacts "
        "of people you trust. `manifest.json` has every setting; `answers.npz` has what the model answered when it was "
        f"made, with which `python -m asrquant verify {manifest.name}` compares what it answers on your machine.",
    ]
    licences = [name for name in manifest.files if name.startswith("LICENSE")]
    sections += ["## Licence", f"The model's own, in {', '.join(licences)}." if licences else _NO_LICENCE]
    return "\n\n".join(sections) + "\n"


_NO_LICENCE = "That of the model it was made from, which came without a licence file."


def _script_note(manifest: Manifest, needs: str) -> str:
    if needs == "asrquant":
        return "It needs asrquant."
    greedily = (
        " (without the n-gram, so it makes more errors than asrquant with it)" if manifest.decoder != "greedy" else ""
    )
    return f"It needs {needs} only, reads one clip of any rate, and decodes greedily{greedily}."
