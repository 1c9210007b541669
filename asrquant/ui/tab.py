"""What a file of a tab offers, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import gradio as gr

from asrquant.ui.choices import ModelControls, PresetControls
from asrquant.ui.own_clips import OwnControls
from asrquant.ui.served import ServedPage
from asrquant.ui.visitor import Visitor


@dataclass(frozen=True)
class Setting:
    """What a tab finds around it.

    Attributes:
        page: that it is in.
        tabs: all of them, to go to another one.
        visitor: whose page it is.
        own: where the visitor's clips to calibrate and validate with are uploaded.
        trial: controls of the preset that is tried on a clip, once the tab that has them is laid out: another tab may set
            them, and go there.
        models: controls of the models on the tabs so far.
        presets: the same of the presets.
        boxes: of presets of which several are chosen.
    """

    page: ServedPage
    tabs: gr.Tabs
    visitor: Visitor
    own: OwnControls
    trial: PresetControls | None = None
    models: tuple[ModelControls, ...] = ()
    presets: tuple[PresetControls, ...] = ()
    boxes: tuple[gr.CheckboxGroup, ...] = ()


class Tab(Protocol):
    """What a tab's file offers."""

    TAB: str
    """Its name for people, and its id in ``Setting.tabs``."""

    def build(self, setting: Setting) -> Setting:
        """Lay the tab out and wire it; returns what later tabs find around them."""
