"""The format ``web``: a page for a browser, with the float and the quantized encoder as ONNX files.

ONNX Runtime Web runs them there. The page itself, which needs no building, is the folder ``web`` beside this file.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import nn

from asrquant.base.errors import ExportError
from asrquant.base.files import megabytes
from asrquant.base.quiet import quietly
from asrquant.engines.engine import Saved
from asrquant.engines.onnxruntime.encoder import OnnxEncoder, export
from asrquant.engines.onnxruntime.files import open_encoder, save_encoder
from asrquant.model.engine_settings import OnnxRuntime
from asrquant.model.presets import Preset
from asrquant.model.recognizer import Recognizer

FLOAT, INT8, SETTINGS = "encoder-float.onnx", "encoder-int8.onnx", "page.json"
ASSETS = Path(__file__).with_name("web")
"""What every such page has: its scripts, its style, and ONNX Runtime Web in ``ort``."""
RUNTIME = ASSETS / "ort" / "manifest.json"
INDEX = "index.html"
WASM, GPU_WASM = "ort/ort-wasm-simd-threaded.wasm.gz", "ort/ort-wasm-simd-threaded.jspi.wasm.gz"
_MOST_BYTES = 500_000_000
"""Of the float model. A tab of a browser has 4 GB for WebAssembly at the most, and on a phone far less."""


@dataclass(frozen=True)
class _Model:
    """A model of the page, as its scripts know it."""

    name: str
    note: str
    file: str
    bytes: int


@dataclass(frozen=True)
class _Settings:
    """``page.json``; ``device.js`` says what it makes of it."""

    source: str
    models: tuple[_Model, ...]
    wasm: str
    wasm_bytes: int
    gpu_wasm: str
    gpu_wasm_bytes: int
    version: str
    ngram_bytes: int


class Web:
    """A static page: both encoders, ONNX Runtime Web, the decoder, the microphone."""

    name = "web"
    summary = (
        "a static page that runs the original and the quantized model in a visitor's browser, and an ONNX file each"
    )
    model_files = (INT8,)
    library = "onnx"
    script = Path(__file__).with_name("transcribe_onnx.py")
    script_needs = "onnxruntime and soundfile"

    def fits(self, preset: Preset) -> bool:
        """Whether a preset quantizes."""
        return isinstance(preset.settings, OnnxRuntime) and preset.settings.int8 != "none"

    def save(self, recognizer: Recognizer, folder: Path) -> None:
        """Write the quantized encoder.

        Raises:
            ExportError: it is not ONNX Runtime's.
        """
        save_encoder(recognizer, folder / INT8)

    def save_page(self, recognizer: Recognizer, original: Recognizer, folder: Path) -> None:
        """Write the float encoder and the page.

        Raises:
            ExportError: the original is not what the recognizer was made from, or too large for a browser.
            PresetError: it cannot be written as ONNX.
        """
        _refuse(recognizer, original)
        if isinstance(original.encoder, OnnxEncoder):
            original.encoder.save(folder / FLOAT)
        else:
            with quietly():  # branches on shapes: what was written is compared anyway
                export(original.encoder, folder / FLOAT)
        for path in ASSETS.rglob("*"):
            if path.is_file():
                target = folder / path.relative_to(ASSETS)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)  # and not its mode, which in a checkout may be read-only
        runtime = json.loads(RUNTIME.read_text(encoding="utf-8"))
        ngram = recognizer.vocabulary.ngram
        page = _Settings(
            source=original.named,
            models=(
                _Model("Original", "float32", FLOAT, (folder / FLOAT).stat().st_size),
                _Model("Quantized", recognizer.preset.name, INT8, (folder / INT8).stat().st_size),
            ),
            wasm=WASM,
            wasm_bytes=(folder / WASM).stat().st_size,
            gpu_wasm=GPU_WASM,
            gpu_wasm_bytes=(folder / GPU_WASM).stat().st_size,
            version=runtime["version"],
            ngram_bytes=ngram.stat().st_size if ngram else 0,
        )
        (folder / SETTINGS).write_text(json.dumps(asdict(page), indent=1) + "\n", encoding="utf-8")

    def restore(self, folder: Path, saved: Saved) -> nn.Module:
        """Open the quantized encoder.

        Raises:
            ArtifactError: it is no ONNX model.
        """
        return open_encoder(folder / INT8)


def _refuse(recognizer: Recognizer, original: Recognizer) -> None:
    settings = original.preset.settings
    is_float = settings is None or (isinstance(settings, OnnxRuntime) and settings.int8 == "none")
    if not is_float or (original.source, original.origin) != (recognizer.source, recognizer.origin):
        raise ExportError(
            f"{original.named} with {original.preset.name} is not what this {recognizer.preset.name} was quantized from; "
            "give the float recognizer that quantize() was given."
        )
    if (size := recognizer.original_bytes or 0) > _MOST_BYTES:
        raise ExportError(
            f"A page for a browser holds a model of {megabytes(_MOST_BYTES)} at most, and this one has {megabytes(size)} in "
            "float32; use the format onnx."
        )
