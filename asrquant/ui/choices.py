"""The controls that tabs share: model and decoder, preset and its explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from asrquant.base.files import megabytes
from asrquant.base.policy import policy
from asrquant.engines.registry import unavailable
from asrquant.jobs.checks import flag
from asrquant.jobs.models import CUSTOM, MODELS, TRUSTED, chosen, plain_name
from asrquant.jobs.offers import Offer, offer, offers, own_words
from asrquant.model.presets import PRESETS, Preset
from asrquant.sources.choosing import NGRAM_BYTES
from asrquant.sources.listed import SMALL_ENGLISH
from asrquant.text import decoders
from asrquant.text.decoders import DECODERS
from asrquant.ui import custom, fastest, render, strip, words
from asrquant.ui.nearby import refuse_the_distant

FIRST_PRESET, FIRST_DECODER, FIRST_RUNS = "dynamic-int8", "ngram", 3
"""What the page shows at first, and its endpoint takes where nothing else is said."""
_TRUST = "Trust it: run the code that it brings. It may do anything that you may, so only for people whom you trust"
_SECONDS = 10.0
"""Between two looks for the Hub, while it does not answer."""


@dataclass(frozen=True)
class PresetControls:
    """The preset's name and the controls of ``custom``: inputs of whatever runs it, as nothing of them is kept on the server."""

    name: gr.Dropdown
    own: custom.Controls
    tab: str
    first: fastest.First

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        return {self.name, *self.own.all}

    def chosen(self, values: Mapping[Component, Any]) -> Preset:
        """The preset that they say; raises as ``jobs.models.chosen``."""
        return chosen(values[self.name], self.own.read(values))

    def in_words(self, values: Mapping[Component, Any]) -> str:
        """The preset's name, and of ``custom`` what it is."""
        name = values[self.name]
        return f"{CUSTOM}: {custom.in_words(self.own.read(values))}" if name == CUSTOM else str(name)


@dataclass(frozen=True)
class ModelControls:
    """Which model, which decoder.

    Attributes:
        model: its name.
        decoder: its name.
        trust: whether a model of one's own may run the code that it brings; seen where one is given.
        about: a line on the model.
        touched: whether the visitor has chosen the model.
    """

    model: gr.Dropdown
    decoder: gr.Radio
    trust: gr.Checkbox
    about: gr.HTML
    touched: gr.Checkbox

    @property
    def named(self) -> set[Component]:
        """Inputs of whatever reads which model it is."""
        return {self.model, self.trust}

    @property
    def all(self) -> set[Component]:
        """Inputs of whatever reads them."""
        return {*self.named, self.decoder}

    def chosen(self, values: Mapping[Component, Any], visitor: gr.Request) -> Any:
        """The model as a request takes it.

        Raises:
            RequestError: its code is to be run for somebody who does not sit at this machine, or whether it is, is neither
                yes nor no.
        """
        name, trusted = plain_name(values[self.model]), flag(values[self.trust], "Trust in the model")
        if not trusted or name in MODELS:
            return name
        refuse_the_distant(visitor)
        return f"{TRUSTED}{name}"

    def for_own_clip(self, name: Any, touched: Any) -> Any:
        """The model for a clip of the visitor's own: one for any English, if it can be had and nobody has chosen another."""
        other = name == MODELS[0] and touched is not True and SMALL_ENGLISH in MODELS
        return SMALL_ENGLISH if other and offer(SMALL_ENGLISH).state.usable else gr.skip()

    def changed(self, name: Any) -> tuple[Any, Any, Any]:
        """What goes with a model that was chosen: its line, the decoder that its files name, whether trust can be asked for."""
        if name in MODELS:
            found = offer(str(name))
            return render.about(found.in_a_line()), found.decoder or "greedy", gr.update(value=False, visible=False)
        return render.about(own_words(str(name))), "greedy", gr.update(value=False, visible=policy().trusts_sources)


def usable_presets() -> list[str]:
    """Names of the presets that this machine can carry out."""
    return [name for name, preset in PRESETS.items() if not unavailable(preset)]


def tell_absent_presets() -> None:
    """Lay out the presets that cannot be chosen here, each with the reason; nothing where all can."""
    reasons: dict[str, list[str]] = {}
    for name, preset in PRESETS.items():
        if reason := unavailable(preset):
            reasons.setdefault(reason, []).append(name)
    if reasons:
        gr.HTML(render.absent(reasons), elem_classes="aq-absent")


def preset_and_settings(tab: str, prefix: str = "") -> PresetControls:
    """A preset by name, what it does, and the controls of ``custom``; for ``jobs.models.chosen``.

    Args:
        tab: that they are in.
        prefix: of the elements' ids, which are one tab's own.
    """
    preset = gr.Dropdown(
        [(name, name) for name in (*usable_presets(), CUSTOM)],
        value=FIRST_PRESET,
        label="Quantization preset",
        elem_id=f"{prefix}preset",
    )
    explanation = gr.Markdown(PRESETS[FIRST_PRESET].summary, elem_id=f"{prefix}explanation", elem_classes="aq-quiet")
    blocks = gr.HTML(strip.html(FIRST_PRESET), elem_id=f"{prefix}strip")
    gr.HTML(words.listed("preset", "int8", "static", "dynamic", "calibration", "observer"))
    raced = gr.HTML(elem_id=f"{prefix}raced", visible=False, padding=False)
    tell_absent_presets()
    own = custom.build(f"{prefix}custom")
    preset.change(
        lambda name: (custom.summary(name), strip.html(name), gr.update(visible=name == CUSTOM)), preset,
        [explanation, blocks, own.group],
        queue=False, show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    return PresetControls(preset, own, tab, fastest.lay_out(preset, raced))


def model_and_decoder(prefix: str = "") -> ModelControls:
    """Lay out the choice of model and decoder; ``watch`` says later how far away the models are."""
    own = policy().loads_own_models
    model = gr.Dropdown(
        [(name, name) for name in MODELS], value=MODELS[0], label="Model", elem_id=f"{prefix}model", allow_custom_value=own,
        info="one of the list" + ", a folder's path, or a Hub id (user/name)" * own,
    )  # fmt: skip
    about = gr.HTML(render.about(offer(MODELS[0]).in_a_line()), elem_id=f"{prefix}model-about")
    trust = gr.Checkbox(False, label=_TRUST, visible=False, elem_id=f"{prefix}trust")
    missing = {name for name in DECODERS if decoders.unavailable(name)}
    choices = [
        (f"{name}: {what}{' (not installed here)' * (name in missing)}", name) for name, what in DECODERS.items()
    ]
    decoder = gr.Radio(
        choices, value=FIRST_DECODER, label="Decoder",
        info=f"an n-gram above {megabytes(NGRAM_BYTES)} is fetched once ngram is asked for",
    )  # fmt: skip
    controls = ModelControls(model, decoder, trust, about, gr.Checkbox(False, visible=False))
    model.input(None, None, controls.touched, js="() => true", api_visibility="private")
    model.change(
        controls.changed, model, [about, decoder, trust], queue=False, show_progress="hidden", api_visibility="private"
    )
    return controls


def watch(page: gr.Blocks, controls: Sequence[ModelControls]) -> None:
    """Say of each model in the lists how far away it is, when the page comes up, and again while the Hub does not answer.

    Args:
        page: that they are on.
        controls: of all tabs.
    """
    timer = gr.Timer(_SECONDS, active=False)
    models, lines = [each.model for each in controls], [each.about for each in controls]

    def seen(*names: Any) -> list[Any]:
        found = {each.name: each for each in offers()}
        listed = [(_label(each), each.name) for each in found.values()]
        known = [found.get(name) if isinstance(name, str) else None for name in names]  # what comes may be forged
        said = [each.in_a_line() if each else own_words(str(name)) for each, name in zip(known, names, strict=True)]
        away = any(not each.state.usable for each in found.values())
        return [
            *(gr.update(choices=listed) for _ in names), *map(render.about, said), gr.Timer(_SECONDS, active=away)
        ]  # fmt: skip

    for event in (page.load, timer.tick):
        event(seen, models, [*models, *lines, timer], queue=False, show_progress="hidden", api_visibility="private")


def _label(each: Offer) -> str:
    return each.name if each.state.usable else f"{each.name} (not now: {each.state.words.partition(':')[0]})"
