"""The soak of ``examples/soak``, for less than a minute: everything at once, against the real server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long
sys.path.append(str(Path(__file__).parents[2] / "examples" / "soak"))


@pytest.fixture(scope="module")
def found():
    from run import soak

    return soak(minutes=0.35, clients=5)


def test_every_answer_was_an_answer(found) -> None:
    assert found.broken == [] and set(found.statuses) == {200}, found.statuses
    assert all(look.health == 200 for look in found.looks)
    assert found.jobs >= 10 and not any("broken" in outcome for outcome in found.outcomes), found.outcomes


def test_never_two_inferences_at_once(found) -> None:
    assert found.overlaps == 0


def test_nothing_stays_behind(found) -> None:
    assert found.exit_code == 0 and found.left_behind == []


def test_what_it_counts() -> None:
    from run import overlapping

    one, two = ": start request=a1 x\n", ": start request=b2 x\n"
    assert overlapping(one + ": end request=a1 y\n" + two) == (0, 2)
    assert overlapping(one + two + ": end request=a1 y\n") == (1, 2)
