"""The Hub models that are offered, and what is known of each before anything of it is fetched.

The facts are those of the models' own pages and files, as far as public text has them; ``docs/models.md`` says of each what was
tried. Which ids are offered stands in ``pins.json``, with their commits once they have one.
"""

from __future__ import annotations

from dataclasses import dataclass

from asrquant.base.files import megabytes

SMALL_ENGLISH = "facebook/wav2vec2-base-960h"
"""What hears a visitor's own English sentence at the least cost."""


@dataclass(frozen=True)
class Listed:
    """A model of the Hub.

    Attributes:
        hub_id: ``user/name``.
        language: in English.
        parameters: how many, about.
        bytes: that are fetched, about: its weights, and nothing of a base model but its shape.
        license: as its page says.
        trained_on: the data.
        decoder: the one that its files name.
    """

    hub_id: str
    language: str
    parameters: int
    bytes: int
    license: str
    trained_on: str
    decoder: str = "greedy"

    def in_a_line(self) -> str:
        """What a list says of it."""
        return (
            f"{self.language}, {self.parameters / 1e6:.0f} M parameters, {megabytes(self.bytes)}, {self.license}, trained on "
            f"{self.trained_on}"
        )


def _common_voice(code: str, language: str, head_bytes: int, decoder: str = "greedy") -> Listed:
    return Listed(
        f"speechbrain/asr-wav2vec2-commonvoice-14-{code}", language, 319_000_000, 1_260_000_000 + head_bytes, "Apache-2.0",
        "Common Voice 14", decoder,
    )  # fmt: skip


LISTED = {
    each.hub_id: each
    for each in (
        Listed(SMALL_ENGLISH, "English", 94_400_000, 378_000_000, "Apache-2.0", "LibriSpeech"),
        _common_voice("en", "English", 17_000_000, decoder="beam"),
        _common_voice("de", "German", 13_000_000),
        _common_voice("es", "Spanish", 17_000_000),
        _common_voice("fr", "French", 13_000_000),
        _common_voice("it", "Italian", 17_000_000),
        Listed(
            "speechbrain/asr-wav2vec2-librispeech", "English", 317_000_000, 1_269_000_000, "Apache-2.0", "LibriSpeech"
        ),
        Listed(
            "facebook/hubert-large-ls960-ft",
            "English",
            316_000_000,
            1_260_000_000,
            "Apache-2.0",
            "Libri-Light, LibriSpeech",
        ),
        Listed("facebook/data2vec-audio-base-960h", "English", 93_000_000, 373_000_000, "Apache-2.0", "LibriSpeech"),
    )
}
"""In the order in which a list shows them."""
