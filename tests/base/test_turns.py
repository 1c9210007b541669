"""Nobody always runs first."""

from __future__ import annotations

from asrquant.base.turns import in_turn


def test_each_comes_first_once_and_none_is_lost() -> None:
    orders = [in_turn("abc", turn) for turn in range(-1, 2)]
    assert orders == [("c", "a", "b"), ("a", "b", "c"), ("b", "c", "a")]
    assert in_turn("a", 7) == ("a",)
