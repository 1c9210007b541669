"""The clip, a recording or a file, and its words; what is wrong with a file is said before it is sent or right after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from asrquant.audio.containers import ENDINGS, NAMES
from asrquant.audio.sound import MIX, look
from asrquant.base.errors import AudioError
from asrquant.data.dataset import Utterance
from asrquant.ui import reference, render, session
from asrquant.ui.running import PRIVATE, QUICK, Updates, Values

RECORDING_RATE = 16_000
SCRIPT = Path(__file__).with_name("clip.js")
NO_SOUND_FILE = f"is no sound file, so it was not sent; choose {NAMES}."
DIFFERENT = "The clip's channels hold different sounds, perhaps two speakers. Choose one and transcribe again."
SENTENCES = ("ENTER FIVE SEVEN TWO", "J O H N", "RUBOUT T K L SIXTY FOUR", "MARCH TENTH NINETEEN SEVENTY ONE", "STOP")
UNDERSTANDS = (
    "The embedded model understands **spelled letters, numbers, dates and a few commands** (ENTER, ERASE, RUBOUT, REPEAT, "
    "STOP, GO, YES, NO), and nothing else. Read one of these aloud: " + ", ".join(f"*{s}*" for s in SENTENCES) + "."
)


@dataclass(frozen=True)
class Clip:
    """The clip and what goes with it.

    Attributes:
        audio: the clip.
        words: the reference.
        origin: where the reference came from; see ``reference``. Like ``recording`` it is never shown, and lives in the
            browser with what it is about, as ``work`` does: the server remembers nothing of a visitor's page.
        note: what became of the reference.
        recording: whether a recording was begun and not stopped.
        channel: which one to take; it appears once a clip's channels were found to hold different sounds.
        work: id of the last job that this page began.
    """

    audio: gr.Audio
    words: gr.Textbox
    origin: gr.Textbox
    note: gr.HTML
    recording: gr.Checkbox
    work: gr.Textbox
    channel: gr.Radio

    def heard(self, mixed: int) -> Updates:
        """After a clip was heard: the choice of a channel, if ``mixed`` ones held different sounds; else all stays."""
        return {self.channel: gr.update(choices=_channels(mixed), visible=True)} if mixed else {}

    def other(self) -> Updates:
        """For another clip, of whose channels nothing is known yet."""
        return {self.channel: gr.update(choices=_channels(2), value=MIX, visible=False)}

    def example(self, example: Utterance) -> Updates:
        """A bundled clip and its words in the place of what is there."""
        return {
            # An update, as Gradio's client turns one value of a generator into the next in place, the one that the
            # player holds too.
            self.audio: gr.update(value=str(example.path)),
            self.words: example.reference,
            self.origin: reference.EXAMPLE,
            self.note: "",
        }

    def shown(self, words: reference.Words, values: Values) -> Updates:
        """Words as they are to be shown; what is there already is left alone, as its visitor may be typing."""
        note = f'<p class="aq-quiet">{escape(words.note)}</p>' if words.note else ""
        fresh = {self.words: words.text, self.origin: words.origin}
        return {**{part: value for part, value in fresh.items() if values[part] != value}, self.note: note}


def build() -> Clip:
    """Lay out the clip; ``lay_out_words`` puts its words where they are seen."""
    audio = _audio()
    words = gr.Textbox(
        label="What is said (optional)", placeholder="Without it there is no WER, only agreement", elem_id="reference",
        render=False,
    )  # fmt: skip
    note = gr.HTML(elem_id="reference-note", render=False)
    channel = gr.Radio(_channels(2), value=MIX, label="Channel", info=DIFFERENT, visible=False, elem_id="channel")
    origin, work = gr.Textbox("", visible=False), gr.Textbox("", visible=False)
    recording = gr.Checkbox(False, visible=False)
    audio.start_recording(None, None, recording, js="() => true", **PRIVATE)
    for ends in (audio.stop_recording, audio.clear, audio.upload):
        ends(None, None, recording, js="() => false", **PRIVATE)
    return Clip(audio, words, origin, note, recording, work, channel)


def lay_out_words(clip: Clip) -> None:
    """Put what is said in the clip here, and what the model can be told."""
    clip.words.render()
    clip.note.render()
    clip.words.input(None, clip.audio, [clip.origin, clip.note], js=reference.TYPING, **PRIVATE)
    with gr.Accordion("What the embedded model understands", open=False, elem_id="understands"):
        gr.Markdown(UNDERSTANDS, elem_classes="aq-quiet")


def _channels(count: int) -> list[tuple[str, str]]:
    """What can be chosen, for people and for ``read_audio``."""
    return [("all, mixed", MIX), *((f"channel {number}", f"{number}") for number in range(1, count + 1))]


def _audio() -> gr.Audio:
    """The clip, and under it what is wrong with the file that was chosen."""
    audio = gr.Audio(
        label="Clip: microphone or file, up to 60 s", type="filepath",
        sources=["microphone", "upload"], waveform_options=gr.WaveformOptions(sample_rate=RECORDING_RATE), elem_id="clip",
        buttons=["download"],  # not the one that posts a clip to the Hub
    )  # fmt: skip
    settings = json.dumps({"endings": ENDINGS, "sentence": NO_SOUND_FILE, "problem": render.problem("")})
    script = f"const settings = {settings};\n{SCRIPT.read_text(encoding='utf-8')}"
    wrong = gr.HTML(js_on_load=script, elem_id="clip-problem")
    audio.change(_wrong_with, audio, wrong, **QUICK)
    return audio


def _wrong_with(path: str | None) -> str:
    """What can be told of an uploaded file without decoding it, which is the worker's: HTML, nothing where all is well."""
    try:
        if path:
            look(Path(path))
    except AudioError as error:
        return render.problem(session.for_visitors(str(error)))
    return ""
