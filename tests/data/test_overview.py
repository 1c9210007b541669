"""``asrquant data``: what a data set is, by headers alone; and the same words in reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import asrquant
from asrquant import read_dataset
from asrquant.audio.sndfile import SndfileReader
from asrquant.cli import main
from asrquant.data.overview import overview
from asrquant.model.recognizer import Recognizer
from asrquant.show.report_files import page, write_report


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A Kaldi folder of several kinds of files, of which some cannot be used."""
    noise = 0.1 * np.random.default_rng(3).normal(size=(48_000, 2)).astype(np.float32)
    for name, rate, channels, seconds in (
        ("a.wav", 16_000, 1, 1), ("b.flac", 8_000, 2, 2), ("c.mp3", 16_000, 1, 3), ("d.ogg", 48_000, 1, 1),
        ("e.wav", 16_000, 1, 0.01),
    ):  # fmt: skip
        sf.write(tmp_path / name, noise[: int(rate * seconds), :channels], rate)
    (tmp_path / "f.wav").write_bytes(b"no sound")
    (tmp_path / "wav.scp").write_text(
        "".join(f"{name} {name}.{end}\n" for name, end in zip("abcdef", ENDINGS, strict=True))
    )
    (tmp_path / "text").write_text("".join(f"{name} WORDS\n" for name in "abcdef") + "g WORDS\n")
    sf.write(tmp_path / "unlisted.wav", noise, 16_000)
    return tmp_path


ENDINGS = ("wav", "flac", "mp3", "ogg", "wav", "wav")
READ_AS = "read as: Kaldi, 7 rows, 1 refused (no audio); 1 audio file without words"


def test_what_a_data_set_holds(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SndfileReader, "blocks", lambda self: pytest.fail("something was decoded"))
    found = overview(read_dataset(mixed))
    assert [clip.utterance.id for clip in found.longest(9)] == ["c", "b", "a", "d"]
    assert found.seconds == pytest.approx(7, abs=0.2) and found.unknown == 0
    assert found.rates == {"16 kHz": 2, "8 kHz": 1, "48 kHz": 1} and found.channels == {"mono": 3, "stereo": 1}
    assert [(row.id, row.kind) for row in found.bad] == [("e", "too short"), ("f", "unreadable audio")]


def test_the_command_prints_it(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(mixed)]) == 0
    out = capsys.readouterr().out
    assert f"{mixed.name}: {READ_AS}\n4 clips, 0.00 h (7." in out
    assert "rates: 16 kHz (2), 8 kHz (1), 48 kHz (1)\nchannels: mono (3), stereo (1)\n" in out
    assert "3 rows cannot be used:\n'g' is in text and not in wav.scp\n'e' is too short (0.010 s)" in out
    assert main(["data", str(mixed / "nowhere")]) == 2
    assert "There is no folder or file" in capsys.readouterr().err


def test_a_manifest_with_a_root_of_its_own(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "m.csv").write_text("wav,wrd\n$data_root/a.wav,A\n")
    assert main(["data", str(tmp_path / "lists" / "m.csv"), "--data-root", str(mixed)]) == 0
    assert (
        "m.csv: read as: table with commas, 1 row; 6 audio files beside them in no row\n1 clip, "
        in capsys.readouterr().out
    )
    assert main(["data", str(tmp_path / "lists" / "m.csv")]) == 2
    assert "has no file '$data_root/a.wav'" in capsys.readouterr().err


def test_reports_say_what_was_read(
    mixed: Path, greedy: Recognizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = asrquant.benchmark([greedy], read_dataset(mixed).take(1))
    assert report.read_as == READ_AS
    write_report(report, tmp_path / "out")
    assert READ_AS in page(report) and json.loads((tmp_path / "out" / "report.json").read_text())["read_as"] == READ_AS
    (tmp_path / "text").write_text("a WORDS\n")
    assert (
        main(["benchmark", "--data", str(mixed), "--preset", "original", "--decoder", "greedy", "--no-deployment"]) == 0
    )
    assert "read as: Kaldi, 6 rows, 5 refused (no words)" in capsys.readouterr().out
