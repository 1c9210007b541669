"""Pieces of files: they are what one gets by cutting the file first, wherever an utterance is used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

import asrquant
from asrquant import Piece, Utterance, read_audio, read_dataset
from asrquant.audio import sndfile
from asrquant.audio.recording import Recording, open_audio
from asrquant.audio.sound import read_header
from asrquant.base.errors import AudioError, DatasetError
from asrquant.cli import main
from asrquant.measure.journal import NAME
from asrquant.model.recognizer import Recognizer


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    noise = np.random.default_rng(7).normal(size=(90 * 16_000, 2)).astype(np.float32)
    return np.clip(0.1 * noise, -1, 1)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "PCM_16"), ("a.flac", "PCM_16"), ("a.wav", "FLOAT"), ("a.aiff", None)]
)
def test_a_piece_is_what_was_cut_out(tmp_path: Path, sound: np.ndarray, name: str, subtype: str | None) -> None:
    sf.write(tmp_path / name, sound, 16_000, subtype=subtype)
    whole, _ = sf.read(tmp_path / name, dtype="float32")
    for piece, first, last in (
        (Piece(4.5, 7.3), 72_000, 116_800),
        (Piece(72_001, 116_803, in_samples=True), 72_001, 116_803),
        (Piece(80, None), 1_280_000, None),
        (Piece(0, 0.1), 0, 1_600),
    ):
        assert np.array_equal(read_audio(tmp_path / name, piece=piece).samples, whole[first:last].mean(axis=1))
    right = read_audio(tmp_path / name, piece=Piece(1, 2, channel=2))
    assert np.array_equal(right.samples, whole[16_000:32_000, 1])
    with pytest.raises(AudioError, match="no channel 3"):
        read_audio(tmp_path / name, piece=Piece(1, 2, channel=3))


@pytest.mark.parametrize(("name", "subtype"), [("a.mp3", None), ("a.ogg", "VORBIS"), ("a.ogg", "OPUS")])
def test_a_piece_of_what_was_compressed(tmp_path: Path, examples, name: str, subtype: str | None) -> None:
    """As if all of it was decoded: of MP3 it is; Opus is heard for a while before."""
    speech = np.concatenate([clip.audio().samples for clip in examples])
    sf.write(tmp_path / name, speech, 16_000, subtype=subtype)
    whole = read_audio(tmp_path / name).samples
    for first, last in ((0, 16_000), (72_001, 116_800), (200_000, 230_000)):
        piece = read_audio(tmp_path / name, piece=Piece(first, last, in_samples=True)).samples
        assert np.allclose(piece, whole[first:last], atol=1e-3 if subtype == "OPUS" else 0, rtol=0)
    end = len(speech) / 16_000
    assert read_audio(tmp_path / name, piece=Piece(end - 2, end)).seconds == pytest.approx(2, abs=0.1)
    with pytest.raises(AudioError, match="beyond the end"):
        read_audio(tmp_path / name, piece=Piece(end - 2, end + 3))
    with pytest.raises(AudioError, match="beyond the end"):
        read_header(tmp_path / name, Piece(end - 2, end + 3))


def test_a_long_piece_is_a_recording(tmp_path: Path, sound: np.ndarray) -> None:
    sf.write(tmp_path / "a.flac", sound[:, 0], 16_000)
    whole, _ = sf.read(tmp_path / "a.flac", dtype="float32")
    piece = open_audio(tmp_path / "a.flac", piece=Piece(10, 75))
    assert isinstance(piece, Recording) and piece.seconds == 65
    assert np.array_equal(np.concatenate([*piece.blocks()]), whole[160_000 : 75 * 16_000])
    with pytest.raises(AudioError, match="longer than 60 s"):
        read_audio(tmp_path / "a.flac", piece=Piece(10, 75))


def test_only_the_piece_is_decoded(tmp_path: Path, sound: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute in, and a second is read for each second; the samples that libsndfile was asked for are counted."""
    sf.write(tmp_path / "a.flac", sound, 16_000)
    read: list[int] = []
    inner = sndfile._Forward.read
    monkeypatch.setattr(
        sndfile._Forward, "read", lambda self, frames, **more: read.append(frames) or inner(self, frames, **more)
    )
    Utterance("a", tmp_path / "a.flac", "A", Piece(60, 63)).audio()
    assert sum(read) == 3 * 16_000


@pytest.mark.parametrize(
    ("piece", "says"),
    [
        (Piece(5, 100), "which has 90.00 s"),
        (Piece(90, 91), "beyond the end"),
        (Piece(0, 1_440_001, in_samples=True), "which has 1440000 samples"),
        (Piece(1, 1.05), r"a\.wav#1-1\.05 is too short"),
    ],
)
def test_what_is_no_piece_of_the_file(tmp_path: Path, sound: np.ndarray, piece: Piece, says: str) -> None:
    sf.write(tmp_path / "a.wav", sound, 16_000)
    with pytest.raises(AudioError, match=says):
        read_audio(tmp_path / "a.wav", piece=piece)
    with pytest.raises(AudioError, match=says):
        open_audio(tmp_path / "a.wav", piece=piece)


def test_times_with_two_decimals_may_end_after_the_file(tmp_path: Path, sound: np.ndarray) -> None:
    sf.write(tmp_path / "a.wav", sound[: 16_000 * 4 - 100], 16_000)
    assert read_audio(tmp_path / "a.wav", piece=Piece(1, 4)).seconds == 3 - 100 / 16_000


@pytest.mark.parametrize("times", [(2, 1), (1, 1), (-1, 2), (float("nan"), 2), (0, float("inf"))])
def test_what_is_no_piece_of_any_file(times: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="its times are"):
        Piece(*times)


@pytest.fixture(scope="module")
def recording(tmp_path_factory, examples) -> Path:
    """Two bundled clips after each other, half a second between them, and manifests of every kind about it."""
    folder = tmp_path_factory.mktemp("long")
    one, two = (clip.audio().samples for clip in examples[:2])
    start, end = len(one) + 8_000, len(one) + 8_000 + len(two)
    sf.write(folder / "long.flac", np.concatenate([one, np.zeros(8_000, np.float32), two]), 16_000)
    words = [clip.reference for clip in examples[:2]]
    times = [(0, len(one)), (start, end)]
    seconds = [(first / 16_000, last / 16_000) for first, last in times]
    nemo = [
        {"audio_filepath": "long.flac", "offset": first, "duration": last - first, "text": said}
        for (first, last), said in zip(seconds, words, strict=True)
    ]
    (folder / "nemo.jsonl").write_text("".join(json.dumps(row) + "\n" for row in nemo))
    speechbrain = "".join(
        f"{clip_id},1.0,long.flac,{first},{last},{said}\n"
        for clip_id, (first, last), said in zip("ab", times, words, strict=True)
    )
    (folder / "sb.csv").write_text("ID,duration,wav,start,stop,wrd\n" + speechbrain)
    plain = "".join(f"long.flac\t{first}\t{last}\t{said}\n" for (first, last), said in zip(seconds, words, strict=True))
    (folder / "plain.tsv").write_text("path\tstart\tend\ttext\n" + plain)
    inner = {
        clip_id: {"wav": {"file": "long.flac", "start": first, "stop": last}, "words": said}
        for clip_id, (first, last), said in zip("ab", times, words, strict=True)
    }
    (folder / "sb.json").write_text(json.dumps(inner, indent=2))
    kaldi = folder / "kaldi"
    kaldi.mkdir()
    (kaldi / "wav.scp").write_text("rec ../long.flac\n")
    (kaldi / "text").write_text(f"a {words[0]}\nb {words[1]}\n")
    (kaldi / "segments").write_text("".join(f"{i} rec {a} {b}\n" for i, (a, b) in zip("ab", seconds, strict=True)))
    return folder


KINDS = ["nemo.jsonl", "sb.csv", "plain.tsv", "sb.json", "kaldi"]


@pytest.mark.parametrize("name", KINDS)
def test_each_row_is_its_own_sound(recording: Path, examples, name: str) -> None:
    data = read_dataset(recording / name)
    assert data.bad == () and [u.reference for u in data.utterances] == [clip.reference for clip in examples[:2]]
    for utterance, clip in zip(data.utterances, examples, strict=False):
        assert np.array_equal(utterance.audio().samples, clip.audio().samples)


def test_rows_without_ids_go_by_their_piece(recording: Path) -> None:
    ids = [utterance.id for utterance in read_dataset(recording / "nemo.jsonl").utterances]
    assert len(ids) == 2 and ids[0].startswith("long.flac#0-") and re.fullmatch(r"long\.flac#[\d.]+-[\d.]+", ids[1])
    assert ids == [utterance.id for utterance in read_dataset(recording / "plain.tsv").utterances]
    assert [utterance.id for utterance in read_dataset(recording / "sb.csv").utterances] == ["a", "b"]


def test_a_benchmark_of_pieces_is_one_of_clips(recording: Path, greedy: Recognizer, examples, tmp_path: Path) -> None:
    """Texts are those of the clips alone; the journal goes on with pieces, and not with others of the same ids."""
    data = read_dataset(recording / "sb.csv")
    report = asrquant.benchmark([greedy], data, folder=tmp_path / "out")
    assert [row.hypothesis for row in report.rows] == [greedy.transcribe(clip.audio()).text for clip in examples[:2]]
    assert report.read_as == "read as: table with commas, 2 rows"
    again = asrquant.benchmark([greedy], data, folder=tmp_path / "out", resume=True)
    assert again.rows == report.rows and len((tmp_path / "out" / NAME).read_text().splitlines()) == 3
    moved = (recording / "sb.csv").read_text().replace(",0,", ",1600,")
    (recording / "moved").mkdir(exist_ok=True)
    (recording / "moved" / "sb.csv").write_text(moved.replace("long.flac", "../long.flac"))
    with pytest.raises(DatasetError, match="of another benchmark \\(other clips\\)"):
        asrquant.benchmark([greedy], read_dataset(recording / "moved" / "sb.csv"), folder=tmp_path / "out", resume=True)


def test_pieces_calibrate(recording: Path, an4: Recognizer, greedy: Recognizer, examples) -> None:
    pieces = read_dataset(recording / "sb.csv").utterances
    ones = asrquant.quantize(an4, "static-int8", calibration=pieces)
    assert ones.calibration is not None and ones.calibration.ids == ("a", "b")
    others = asrquant.quantize(an4, "static-int8", calibration=examples[:2])
    assert torch.equal(ones.log_probs(examples[0].audio()), others.log_probs(examples[0].audio()))


def test_a_piece_beyond_the_end_is_a_bad_row(recording: Path, greedy: Recognizer, capsys) -> None:
    (recording / "beyond").mkdir(exist_ok=True)
    manifest = recording / "beyond" / "m.jsonl"
    rows = [(0, 1), (500, 2), (0.5, -1), ("x", 1)]
    manifest.write_text(
        "".join(
            json.dumps({"audio_filepath": "../long.flac", "offset": start, "duration": length, "text": "A"}) + "\n"
            for start, length in rows
        )
    )
    data = read_dataset(manifest)
    assert len(data.utterances) == 2 and data.read_as == "read as: NeMo manifest, 4 rows, 2 refused (bad times)"
    report = asrquant.benchmark([greedy], data)
    assert report.clips == 1 and "long.flac#500-502 lies beyond the end of its file" in report.bad[-1].reason
    assert main(["data", str(manifest)]) == 0
    assert "lies beyond the end of its file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("path,text,start", "none for where a piece ends"),
        ("path,text,start,stop,end", "'end' and 'stop', which may say two things"),
        ("path,text,start,offset", "which may say two things"),
    ],
)
def test_ambiguous_times(tmp_path: Path, header: str, says: str) -> None:
    (tmp_path / "m.csv").write_text(header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    with pytest.raises(DatasetError, match=says):
        read_dataset(tmp_path / "m.csv")


def test_samples_are_whole_numbers(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.full(32_000, 0.1), 16_000)
    (tmp_path / "m.csv").write_text("path,text,start,stop\na.wav,A,0.5,1.5\na.wav,B,0,16000\n")
    data = read_dataset(tmp_path / "m.csv")
    assert [u.reference for u in data.utterances] == ["B"] and "whole numbers (seconds are called" in data.bad[0].reason
