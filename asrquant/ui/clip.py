"""The clip: a recording or a file, and what is wrong with a file, said before it is sent or right after."""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from asrquant.audio.containers import ENDINGS, NAMES
from asrquant.audio.sound import look
from asrquant.base.errors import AudioError
from asrquant.ui import render, session

RECORDING_RATE = 16_000
SCRIPT = Path(__file__).with_name("clip.js")
NO_SOUND_FILE = f"is no sound file, so it was not sent; choose {NAMES}."


def build() -> gr.Audio:
    """Lay out the clip, and under it what is wrong with the file that was chosen."""
    audio = gr.Audio(
        label="Clip: microphone or file, up to 60 s (WAV, MP3, M4A, MP4, WebM, Ogg …)", type="filepath",
        sources=["microphone", "upload"], waveform_options=gr.WaveformOptions(sample_rate=RECORDING_RATE), elem_id="clip",
        buttons=["download"],  # not the one that posts a clip to the Hub
    )  # fmt: skip
    settings = json.dumps({"endings": ENDINGS, "sentence": NO_SOUND_FILE, "problem": render.problem("")})
    script = f"const settings = {settings};\n{SCRIPT.read_text(encoding='utf-8')}"
    wrong = gr.HTML(js_on_load=script, elem_id="clip-problem")
    audio.change(_wrong_with, audio, wrong, queue=False, show_progress="hidden", api_visibility="private")
    return audio


def _wrong_with(path: str | None) -> str:
    """What can be told of an uploaded file without decoding it, which is the worker's: HTML, nothing where all is well."""
    try:
        if path:
            look(Path(path))
    except AudioError as error:
        return render.problem(session.for_visitors(str(error)))
    return ""
