"""The page: its tabs, its style, and how it is served. A new tab is one new file and one line in ``TABS``."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from asrquant.data.bundled import CLIPS
from asrquant.export.store import Exports
from asrquant.ui import (
    api,
    benchmark,
    choices,
    compare,
    device,
    export,
    fastest,
    foot,
    modules,
    own_clips,
    running,
    server,
    visitor,
    words,
)
from asrquant.ui.served import ServedPage
from asrquant.ui.session import QUEUE_LENGTH
from asrquant.ui.tab import Setting, Tab

STYLE = Path(__file__).with_name("style.css")
TABS: tuple[Tab, ...] = (compare, device, benchmark, modules, export)
"""In the order in which they are shown."""
MAX_UPLOAD = "50mb"
SESSIONS = 256
"""Browser tabs whose state is kept, the youngest ones; Gradio would keep 10,000, at about a tenth of a megabyte each."""
# The system's fonts: a page that runs offline asks no font server.
_FONTS = ["system-ui", "sans-serif"]
# White on teal reaches the 4.5:1 that text needs (WCAG 2.2, 1.4.3) from the shade 700 on.
_BUTTONS = {
    f"button_primary_background_fill{state}{theme}": f"*primary_{shade}"
    for state, shade in (("", 700), ("_hover", 800))
    for theme in ("", "_dark")
}
THEME = gr.themes.Default(primary_hue="teal", font=_FONTS, font_mono=["ui-monospace", "monospace"]).set(**_BUTTONS)
OUTER = Path(__file__).with_name("outer.css")
SCRIPTS = tuple(Path(__file__).with_name(name) for name in ("page.js", "share.js"))
_TAGLINE = "What a speech recognizer gains and loses when its numbers are made coarser (quantization)"
CACHE = (600, 3600)
"""Seconds between two looks of Gradio's for clips and downloads to delete, and the age that they must have."""


def build() -> ServedPage:
    """The page, ready to be launched."""
    page = ServedPage(title="asrquant", analytics_enabled=False, delete_cache=CACHE, fill_width=True)
    with page:
        gr.HTML(words.head(_TAGLINE), elem_classes="aq-head")
        known, own = visitor.build(page), own_clips.make()
        with gr.Tabs() as tabs:
            setting = Setting(page, tabs, known, own)
            for tab in TABS:
                with gr.Tab(tab.TAB, id=tab.TAB):
                    setting = tab.build(setting)
        own_clips.lay_out(own)
        choices.watch(page, setting.models)
        fastest.watch(page, [each.first for each in setting.presets], setting.boxes)
        gr.HTML(foot.words(sum(CACHE) // 60), elem_id="foot", elem_classes="aq-foot")
        api.build()
        page.unload(running.cancel)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=1, api_open=False)
    return page


def script() -> str:
    """What runs in the browser once the page is there: each file is a function."""
    files = ", ".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    return f"() => {{ for (const each of [{files}]) each(); }}"


def launch(host: str | None = None, port: int | None = None) -> None:
    """Serve the page until SIGTERM or SIGINT.

    Args:
        host: address to listen on; None takes Gradio's (127.0.0.1, or what ``GRADIO_SERVER_NAME`` says).
        port: None takes 7860 or ``GRADIO_SERVER_PORT``.

    Raises:
        SettingError: a setting in the environment cannot be used.
        OSError: the port is taken.
    """
    exports = Exports()
    exports.sweep()
    server.serve(
        build,
        server_name=host,
        server_port=port,
        theme=THEME,
        css=STYLE.read_text(encoding="utf-8"),
        # Gradio would have the styles in ``css`` hold below its own element only, and it is not the one with the background.
        head=f"<style>{OUTER.read_text(encoding='utf-8')}</style>",
        js=script(),
        footer_links=["api"],
        show_error=False,
        ssr_mode=False,  # which Spaces set: Node would stand in front, and answer what `routes` closes
        num_workers=0,  # whose ports would serve files beside `routes`
        run_history=False,  # which keeps visitors' clips and transcripts in the browser that they share
        max_file_size=MAX_UPLOAD,
        state_session_capacity=SESSIONS,
        # Who waits for a turn takes a thread of the page's, and 40 are left to the others.
        max_threads=QUEUE_LENGTH + 40,
        # The examples and the artifacts, from whatever directory the page is started. A stranger's artifacts lie in a
        # folder whose name nobody else can know.
        allowed_paths=[str(CLIPS), str(exports.root)],
    )
