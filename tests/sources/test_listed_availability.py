"""What is said of a listed model before it is asked for, and the command that shows and tries them all."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub.constants
import pytest
from local_hub import MODEL, LocalHub

import asrquant
from asrquant.base.progress import BYTES
from asrquant.cli import main
from asrquant.cli.common import Bar
from asrquant.jobs import offers
from asrquant.sources import availability as far
from asrquant.sources import pins
from asrquant.sources.listed import LISTED, SMALL_ENGLISH
from asrquant.sources.loading import offered
from asrquant.ui.render import progress_bar


@pytest.fixture(autouse=True)
def asked_anew():
    far.forget()
    yield
    far.forget()


def test_the_list_is_one() -> None:
    listed = pins.read_pins(Path(pins.__file__).with_name("pins.json"))
    assert set(listed) == set(LISTED) and offered()[:3] == ("an4", "an4-quartznet", SMALL_ENGLISH)
    assert {each.license for each in LISTED.values()} == {"Apache-2.0"}
    assert LISTED[SMALL_ENGLISH].in_a_line() == "English, 94 M parameters, 378.0 MB, Apache-2.0, trained on LibriSpeech"


def test_how_far_away_a_model_is(hub_server: LocalHub, monkeypatch) -> None:
    found = far.availability(MODEL)
    assert (found.ready, found.usable, found.words) == (False, True, "downloaded when it is first used")
    assert "downloaded (378.0 MB) when it is first used" in offers.offer(SMALL_ENGLISH).in_a_line()
    with monkeypatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
        assert far.availability(MODEL).usable, "what was just heard holds for some seconds"
        far.forget()
        found = far.availability(MODEL)
        assert not found.usable and found.words.startswith(
            "not reached: the Hugging Face Hub does not answer from here"
        )
    assert not far.availability(MODEL).usable
    monkeypatch.setattr(far, "_KEPT", 0.0)
    assert far.availability(MODEL).usable
    commit = asrquant.load(MODEL).origin.commit
    hub_server.shutdown()
    found = far.availability(MODEL)
    assert found.ready and found.words == f"on this machine, at {commit[:8]}"
    pins.local_pins().write_text("[")
    assert not far.availability(MODEL).usable


def test_the_list_in_the_terminal(hub_server: LocalHub, monkeypatch, capsys) -> None:
    monkeypatch.setattr(offers, "MODELS", ("an4", MODEL))
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert "an4\n    English letters, numbers" in said and f"{MODEL}\n    downloaded when it is first used" in said
    assert main(["models", "--check", MODEL]) == 0
    commit = next(iter(hub_server.commits[MODEL]))[:8]
    assert f"{MODEL} at {commit}, greedy: " in capsys.readouterr().out
    assert main(["models", "nonsense"]) == 2 and "There is no model 'nonsense'" in capsys.readouterr().err
    hub_server.commits.clear()
    pins.local_pins().unlink()
    assert main(["models", "--check", MODEL]) == 1
    assert "the Hub knows no such model" in capsys.readouterr().out


def test_bytes_are_shown_as_people_read_them(monkeypatch, capsys) -> None:
    stage = f"downloading someone/asr {BYTES}"
    shown = progress_bar(stage, 12_300_000, 378_000_000)
    assert (
        "downloading someone/asr 12.3 MB of 378.0 MB" in shown and "bytes" not in shown and 'aria-valuenow="3"' in shown
    )
    monkeypatch.setattr("asrquant.cli.bar.nobody_watches", lambda: False)
    with Bar() as progress:
        progress(stage, 12_300_000, 378_000_000)
    assert "12.3M/378M" in capsys.readouterr().err
