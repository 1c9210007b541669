"""The seconds that the list of models expects: arithmetic by hand, and a speed that this machine has."""

from __future__ import annotations

import pytest

from asrquant.jobs.offers import offer
from asrquant.measure import reckoned
from asrquant.sources.listed import LISTED, SMALL_ENGLISH


def test_operations_by_hand() -> None:
    """wav2vec2's convolutions: frames a second, inputs, outputs and kernel of each, a product and a sum each."""
    frames, inputs, kernels = (3200, 1600, 800, 400, 200, 100, 50), (1, *[512] * 6), (10, 3, 3, 3, 3, 2, 2)
    by_hand = sum(2 * f * i * 512 * k for f, i, k in zip(frames, inputs, kernels, strict=True))
    assert reckoned.operations_a_second(0) == pytest.approx(by_hand, rel=0.02)
    assert reckoned.operations_a_second(315_000_000) == pytest.approx(31.5e9 + by_hand, rel=0.01)


def test_twice_as_long_takes_twice_as_long(monkeypatch) -> None:
    monkeypatch.setattr(reckoned, "products_a_second", lambda: 100e9)
    assert reckoned.reckoned_seconds(94_000_000, 10) == 2 * reckoned.reckoned_seconds(94_000_000, 5)
    assert reckoned.reckoned_seconds(94_000_000, 5) < reckoned.reckoned_seconds(315_000_000, 5)


def test_what_the_list_says_of_it(monkeypatch) -> None:
    share = LISTED[SMALL_ENGLISH].parameters
    monkeypatch.setattr(
        reckoned, "products_a_second", lambda: 5 * reckoned.operations_a_second(share) / reckoned.SHARE / 2.04
    )
    assert "about 2 s for a clip of 5 s on this machine (reckoned; float32)" in offer(SMALL_ENGLISH).in_a_line()


def test_the_speed_of_a_product_is_one_of_a_processor() -> None:
    assert 1e9 < reckoned.products_a_second() < 1e14
