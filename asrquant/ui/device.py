"""The tab "On your device": a frame with the page that an artifact of the format ``web`` is, made for the embedded models."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import gradio as gr

from asrquant.sources.loading import EMBEDDED
from asrquant.ui.device_files import ADDRESS
from asrquant.ui.tab import Setting

TAB = "On your device"
SCRIPT = Path(__file__).with_name("device_frame.js")


def build(setting: Setting) -> Setting:
    """Lay the tab out; the frame is filled when it is first seen."""
    options = "".join(f"<option>{escape(name)}</option>" for name in EMBEDDED)
    several = "" if len(EMBEDDED) > 1 else " hidden"
    known = json.dumps({"address": ADDRESS, "models": list(EMBEDDED)})
    gr.HTML(
        f'<label class="aq-quiet"{several}>Model <select>{options}</select></label>'
        f'<iframe class="aq-device" title="{TAB}: original and quantized" allow="microphone"></iframe>',
        js_on_load=f"const known = {known};\n{SCRIPT.read_text(encoding='utf-8')}",
        elem_id="device",
    )
    return setting
