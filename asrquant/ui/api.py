"""The endpoints for programs, ``/compare`` and ``/presets``: an answer, or the sentence that the page would show."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.utils import get_upload_folder, is_in_or_equal

from asrquant.audio.sound import MIX
from asrquant.base.errors import RequestError
from asrquant.engines.registry import unavailable
from asrquant.jobs.checks import MAX_REFERENCE, shown
from asrquant.jobs.clips import OwnClips
from asrquant.jobs.compare import MAX_RUNS, CompareRequest
from asrquant.jobs.models import CUSTOM, EXAMPLE_SETTINGS, MODELS, Custom, chosen
from asrquant.measure.compare import comparison_dict
from asrquant.model.presets import PRESETS
from asrquant.text.decoders import DECODERS
from asrquant.ui import session
from asrquant.ui.choices import FIRST_DECODER, FIRST_PRESET, FIRST_RUNS
from asrquant.ui.custom import SUMMARY

_FILE = {"_type": "gradio.FileData"}
_CLIP_EXAMPLE, _ZIP_EXAMPLE = ({"path": name, "meta": _FILE} for name in ("clip.flac", "clips.zip"))


def build() -> None:
    """Add the endpoints to the page that is being built."""
    parameters = [
        _parameter("Clip, up to 60 s", gr.Audio(render=False).api_info(), example=_CLIP_EXAMPLE),
        _parameter("Quantization preset", _one_of(*PRESETS, CUSTOM), FIRST_PRESET),
        _parameter(f"What is said, up to {MAX_REFERENCE} characters; empty for no WER", {"type": "string"}, ""),
        _parameter("Model", _one_of(*MODELS), MODELS[0]),
        _parameter("Decoder", _one_of(*DECODERS), FIRST_DECODER),
        _parameter(f"Runs of each model, 1 to {MAX_RUNS}", {"type": "integer"}, FIRST_RUNS),
        _parameter(f"Settings of the preset {CUSTOM}", {"type": "object"}, example=EXAMPLE_SETTINGS),
        _parameter(f"Channel of the clip, 1 for the first, or {MIX} for all", {"type": "string"}, MIX),
        _parameter(
            "Zip of clips to calibrate with, words or none", gr.File(render=False).api_info(), example=_ZIP_EXAMPLE
        ),
        _parameter(
            "Zip of clips and their words to validate with", gr.File(render=False).api_info(), example=_ZIP_EXAMPLE
        ),
    ]
    answer = gr.JSON(visible=False, label="The numbers that the page shows")
    gr.Button(visible=False).click(compare, parameters, answer, api_name="compare", **session.HEAVY)
    gr.api(presets, api_name="presets", queue=False)


def _parameter(label: str, schema: dict[str, Any], default: Any = None, example: Any = None) -> Api:
    """A parameter that is passed on as it came: Gradio's other components refuse what they do not know in words of their own.

    Args:
        label: for people.
        schema: JSON schema of its values.
        default: None for one that must be given, or whose default is the function's None.
        example: where the default is none; for the page that describes the endpoint.
    """
    parameter = Api(default, schema, label)
    if example is not None:  # a subclass would do, but Gradio writes a file beside every module that has one
        loosely: Any = parameter  # whose types mypy knows only once Gradio has been imported, and has written them down
        loosely.example_payload = lambda: example
    return parameter


def _one_of(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def compare(
    clip: Any,
    preset: Any = FIRST_PRESET,
    reference: Any = "",
    model: Any = MODELS[0],
    decoder: Any = FIRST_DECODER,
    runs: Any = FIRST_RUNS,
    settings: Any = None,
    channel: Any = MIX,
    calibration: Any = None,
    validation: Any = None,
) -> Iterator[Any]:
    """Compare the original and a quantized model on a clip; returns the numbers that the page shows.

    All but the clip may be left out. The preset "custom" takes settings: an object with any of schemes (part of the model →
    float, dynamic or static), dynamic_dtype, observer, backend, calibration_clips and calibration_seed. In the place of the
    bundled clips, zips of others can be sent to calibrate (calibration) and for accuracy control (validation).
    """

    def ask() -> CompareRequest:
        path, own = _path(clip, "clip"), _settings(preset, settings)
        zips = OwnClips.chosen(_path(calibration, "calibration"), _path(validation, "validation"))
        return CompareRequest(
            clip=path,
            preset=chosen(preset, own),
            reference=reference,
            model=model,
            decoder=decoder,
            runs=runs,
            own=zips,
            channel=channel,
        )

    # A generator, as Gradio stops nothing else when the caller hangs up.
    for event in session.run(None, "for programs", ask):
        match event:
            case session.Failed(message=message):
                raise _refusal(message)
            case session.Done(found):
                yield comparison_dict(found)
            case _:
                yield gr.skip()


def presets() -> dict[str, dict[str, str | None]]:
    """The presets by name: what each does (summary), and why it cannot be used here (unavailable), or null where it can."""
    listed = {name: {"summary": preset.summary, "unavailable": unavailable(preset)} for name, preset in PRESETS.items()}
    return {**listed, CUSTOM: {"summary": f"{SUMMARY} Takes settings such as {EXAMPLE_SETTINGS}.", "unavailable": None}}


def _path(clip: Any, what: str) -> Any:
    """The path of an uploaded file, if there is one; Gradio has made sure that it was uploaded, where it is marked as a file.

    Raises:
        RequestError: it is no file.
    """
    if clip is None:
        return None
    is_file = isinstance(clip, dict) and isinstance(clip.get("path"), str) and clip.get("meta") == _FILE
    if not is_file or not is_in_or_equal(clip["path"], get_upload_folder()):
        raise RequestError(f"The {what} is {shown(clip)}; send a file, in Python with gradio_client.handle_file(path).")
    return str(clip["path"])


def _settings(preset: Any, settings: Any) -> Custom | None:
    """What is sent for the preset ``custom``, and for no other.

    Raises:
        RequestError: as ``Custom.read``, or there are settings for another preset.
    """
    if settings is None:
        return None
    if preset != CUSTOM:
        raise RequestError(f"The preset is {shown(preset)}; settings go with the preset {CUSTOM} only.")
    return Custom.read(settings)


def _refusal(message: str) -> gr.Error:
    return gr.Error(escape(message, quote=False), print_exception=False)
