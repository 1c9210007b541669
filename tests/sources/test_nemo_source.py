"""NeMo's models as NeMo wrote them (tests/nemo), read without it: log-probs, lengths, texts, and what is refused."""

from __future__ import annotations

import json
import logging
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_nemo
import torch

import asrquant
from asrquant.audio.speech import Part
from asrquant.audio.windows import encode_in_windows
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.cli import main
from asrquant.sources.nemo.config import features_of
from asrquant.sources.toolkits import skeleton
from asrquant.text.vocabulary import tidy

HERE = Path(__file__).parents[1] / "nemo"
ANSWERS = {path.stem.removeprefix("answers-"): path for path in sorted(HERE.glob("answers-*.npz"))}
FAMILIES = sorted(path.stem for path in HERE.glob("*.nemo"))
STRIDES = {"citrinet": 640, "unmasked": 160, "fastconformer": 1280} | dict.fromkeys(
    ("conformer", "streaming", "absolute", "hybrid"), 640
)
TOLERANCE = 1e-4


def test_there_are_models_and_answers() -> None:
    assert len(FAMILIES) == 10 and "3.0.0" in ANSWERS


def answers(recognizer, samples: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return recognizer.encoder(torch.from_numpy(samples.copy())[None])[0].numpy()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("version", ANSWERS)
def test_log_probs_are_nemos_own(family: str, version: str, examples) -> None:
    recognizer = asrquant.load(str(HERE / f"{family}.nemo"), nemo_features=features_of(version))
    samples = examples[0].audio().samples
    with np.load(ANSWERS[version]) as expected:
        lengths = [int(name.split()[1]) for name in expected.files if name.split()[0] == family]
        assert lengths
        for length in lengths:
            wanted = expected[f"{family} {length}"]
            got = answers(recognizer, samples[:length])
            assert got.shape == wanted.shape
            np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE)
    assert recognizer.frame_samples == STRIDES.get(family, 320)


def test_the_features_are_those_of_the_nemo_that_wrote_the_file(tmp_path: Path, examples) -> None:
    samples = examples[0].audio().samples[:20_000]
    made = {}
    for version in ("3.0.0", "2.5.0", "2.4.0", "1.23.0", ""):
        said = small_nemo.config()
        weights = small_nemo.state(said)
        said["nemo_version"] = version
        path = small_nemo.write(tmp_path / f"v{version}.nemo", small_nemo.members(said, weights))
        made[version] = asrquant.load(str(path))
        assert (
            made[version]
            .origin.notes[0]
            .endswith(f"as NeMo {version} wrote it." if version else "does not say which NeMo wrote it.")
        )
    new, old = answers(made["3.0.0"], samples), answers(made["2.4.0"], samples)
    assert new.shape[0] == 20_000 // 320 + 1 and old.shape[0] == 20_000 // 160 // 2 + 1
    assert np.abs(new[: len(old)] - old[: len(new)]).max() > 0.005
    assert np.array_equal(answers(made["2.5.0"], samples), new)
    for version in ("1.23.0", ""):
        assert np.array_equal(answers(made[version], samples), old)
    asked = asrquant.load(str(tmp_path / "v3.0.0.nemo"), nemo_features="2.4")
    assert np.array_equal(answers(asked, samples), old)
    assert asked.origin.notes == ("Features are computed as NeMo up to 2.4 does, as was asked for.",)
    assert asked.fingerprint() != made["3.0.0"].fingerprint()


def test_the_option_is_for_nemo_alone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"takes no nemo_features '2\.4'"):
        asrquant.load("an4", nemo_features="2.4")
    with pytest.raises(SourceError, match="takes no nemo_features '9'"):
        asrquant.load(str(small_nemo.small_nemo(tmp_path / "m.nemo")), nemo_features="9")


def test_a_folder_gzip_and_plain_names_are_the_same(tmp_path: Path, examples) -> None:
    samples = examples[0].audio().samples[:16_000]
    path = small_nemo.small_nemo(tmp_path / "m.nemo")
    expected = answers(asrquant.load(str(path)), samples)
    with tarfile.open(path) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}
    zipped = small_nemo.write(tmp_path / "z.nemo", contents, mode="w:gz")
    bare = small_nemo.write(tmp_path / "p.nemo", {name[2:]: content for name, content in contents.items()})
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    within = tmp_path / "within"
    within.mkdir()
    (within / "model.nemo").write_bytes(path.read_bytes())
    for each in (zipped, bare, folder, within):
        assert np.array_equal(answers(asrquant.load(str(each)), samples), expected)
    assert asrquant.load(str(within)).origin.sha256.keys() == {"model.nemo"}


def test_half_precision_is_computed_in_single(tmp_path: Path, examples) -> None:
    said = small_nemo.config()
    weights = {k: v.half() if v.is_floating_point() else v for k, v in small_nemo.state(said).items()}
    recognizer = asrquant.load(str(small_nemo.write(tmp_path / "m.nemo", small_nemo.members(said, weights))))
    assert {each.dtype for each in recognizer.encoder.parameters()} == {torch.float32}
    assert np.isfinite(answers(recognizer, examples[0].audio().samples)).all()


def test_a_reference_within_the_configuration(tmp_path: Path) -> None:
    said = small_nemo.config()
    weights = small_nemo.state(said)
    said["encoder"]["jasper"][2]["filters"] = "${model_defaults.enc_final}"
    said["model_defaults"] = {"enc_final": "${wide}"}
    said["wide"] = 32
    assert asrquant.load(str(small_nemo.write(tmp_path / "m.nemo", small_nemo.members(said, weights))))
    said["wide"] = "${wide}"
    with pytest.raises(SourceError, match="not in it"):
        asrquant.load(str(small_nemo.write(tmp_path / "n.nemo", small_nemo.members(said, weights))))


def test_a_hybrids_ctc_head_is_taken_with_a_note(caplog) -> None:
    with caplog.at_level(logging.INFO, "asrquant"):
        recognizer = asrquant.load(str(HERE / "hybrid.nemo"))
    assert recognizer.origin.notes[1] == "The CTC head of a hybrid model is used; its transducer is left alone."
    assert "transducer is left alone" in caplog.text


def test_the_space_before_an_apostrophe_goes(tmp_path: Path) -> None:
    recognizer = asrquant.load(str(small_nemo.small_nemo(tmp_path / "m.nemo")))
    assert recognizer.vocabulary.punctuation == "'"
    labels = small_nemo.LABELS
    for spoken, written in (
        ("it 's", "it's"),
        ("it  's", "it 's"),
        (" 's so", "'s so"),
        ("a ' b", "a' b"),
        ("a b", "a b"),
    ):
        ids = [label for letter in spoken for label in (len(labels), labels.index(letter))]
        frames = torch.nn.functional.one_hot(torch.tensor(ids), len(labels) + 1).float().log()
        assert recognizer.decoder(frames) == written
        assert " ".join(word.text for word in recognizer.decoder.words(frames)) == written


def test_pieces_are_written_as_sentencepiece_writes_them(tmp_path: Path) -> None:
    import sentencepiece

    (tmp_path / "texts.txt").write_text("one two three\nno, yes.\ntwo ten it's\n" * 5)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "texts.txt"), model_prefix=str(tmp_path / "t"), vocab_size=26, model_type="bpe",
        bos_id=-1, eos_id=-1, hard_vocab_limit=False, normalization_rule_name="identity",
    )  # fmt: skip
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "t.model"))
    said = small_nemo.config()
    count = tokenizer.vocab_size()
    said["decoder"] |= {"num_classes": -1, "vocabulary": [tokenizer.id_to_piece(index) for index in range(count)]}
    said["tokenizer"] = {"type": "bpe", "dir": "t", "model_path": "nemo:0123_tokenizer.model"}
    members = small_nemo.members(said, small_nemo.state(said))
    path = small_nemo.write(
        tmp_path / "m.nemo", {**members, "./0123_tokenizer.model": (tmp_path / "t.model").read_bytes()}
    )
    vocabulary = asrquant.load(str(path)).vocabulary
    for ids in ([1, 0, 2], list(range(count)), tokenizer.encode("two it's ten")):
        assert replace(vocabulary, punctuation="").to_text(ids) == tidy(tokenizer.decode(ids))
    assert set(vocabulary.punctuation) <= set(",.'") and vocabulary.blank_index == count


def test_windows_and_frames_follow_the_models_stride() -> None:
    """Frames of windows, put together, are those of the whole, whatever the stride is: no frame is lost or heard twice."""
    for stride, extra in ((160, 0), (640, 0), (1280, 0), (480, 0), (1280, 1), (640, 1)):

        def encoder(wave: torch.Tensor, stride: int = stride, extra: int = extra) -> torch.Tensor:
            frames = (wave.shape[1] // 160 + extra - 1) // (stride // 160) + 1
            return wave[
                0, torch.arange(frames) * stride - (torch.arange(frames) * stride >= wave.shape[1]).int() * stride
            ][None, :, None]

        length = 16_000 * 70 + 333
        wave = torch.arange(length, dtype=torch.float32)
        whole = encoder(wave[None])[0]
        parts = encode_in_windows(encoder, [wave.numpy()], [Part(0, length)], 0, stride).log_probs
        assert len(parts) == len(whole)
        assert torch.equal(parts[:-2], whole[:-2])


def test_times_are_of_the_models_frames(tmp_path: Path, examples) -> None:
    path = HERE / "fastconformer.nemo"
    recognizer = asrquant.load(str(path))
    compared = asrquant.compare(recognizer, asrquant.quantize(recognizer, "dynamic-int8"), examples[0].audio(), runs=1)
    assert compared.divergence.frame_seconds == 0.08
    frames = recognizer.log_probs(examples[0].audio()).shape[0]
    assert len(compared.divergence.nats) == len(compared.divergence.peaks) == frames
    assert compared.notes == recognizer.origin.notes and compared.notes[0] in asrquant.show.comparison_text(compared)


def test_the_skeleton_is_the_same_model(tmp_path: Path, examples) -> None:
    for family in ("citrinet", "streaming"):
        recognizer = asrquant.load(str(HERE / f"{family}.nemo"))
        folder = tmp_path / family
        folder.mkdir()
        for name, contents in recognizer.origin.architecture.items():
            (folder / name).write_bytes(contents)
        again = skeleton("nemo", folder)
        again.load_state_dict(recognizer.encoder.state_dict())
        samples = torch.from_numpy(examples[0].audio().samples[None, :16_000])
        with torch.inference_mode():
            assert torch.equal(again(samples), recognizer.encoder(samples))
    (folder / "nemo.json").write_text(json.dumps({"encoder": 1}))
    with pytest.raises(SourceError, match="cannot be used"):
        skeleton("nemo", folder)


def test_a_transducer_is_refused_by_what_it_is(tmp_path: Path) -> None:
    said = small_nemo.config()
    weights = small_nemo.state(said)
    said["decoder"] = {"_target_": "nemo.collections.asr.modules.RNNTDecoder", "prednet": {}}
    said["joint"] = {"_target_": "nemo.collections.asr.modules.RNNTJoint"}
    path = small_nemo.write(tmp_path / "m.nemo", small_nemo.members(said, weights))
    with pytest.raises(SourceError, match=r"transducer \(RNN-T\) without a CTC output"):
        asrquant.load(str(path))


def test_the_public_page_loads_no_file(tmp_path: Path, monkeypatch) -> None:
    path = small_nemo.small_nemo(tmp_path / "m.nemo")
    monkeypatch.setenv("ASRQUANT_PUBLIC", "1")
    with pytest.raises(UntrustedSourceError, match="public page"):
        asrquant.load(str(path))


def test_the_terminal_says_which_features(tmp_path: Path, examples, capsys) -> None:
    path = str(small_nemo.small_nemo(tmp_path / "m.nemo"))
    options = ["--model", path, "--nemo-features", "2.4"]
    assert main(["compare", str(examples[0].path), "--preset", "fused-static-int8", "--runs", "1", *options]) == 0
    assert "Features are computed as NeMo up to 2.4 does, as was asked for." in capsys.readouterr().out


SHARED = Path(__file__).parents[3] / "shared" / "data" / "nemo"


@pytest.mark.skipif(not SHARED.is_dir(), reason="larger models with NeMo's answers are not beside this checkout")
@pytest.mark.parametrize("family", ["quartznet", "citrinet", "conformer"])
@pytest.mark.parametrize(("references", "features"), [("references", None), ("references_nemo2.4.0", "2.4")])
def test_larger_models(family: str, references: str, features: str | None) -> None:
    """Up to 11 s; single precision alone is 1.1e-4 apart there, in Citrinet's log-probs of the longest."""
    recognizer = asrquant.load(str(SHARED / family / f"{family}.nemo"), nemo_features=features)
    with np.load(SHARED / family / f"{references}.npz") as expected:
        for name, text in zip(expected["waves"], expected["texts"], strict=True):
            got = answers(recognizer, np.load(SHARED / "waves" / f"{name}.npy"))
            wanted = expected[f"logprobs_{name}"][: int(expected[f"len_{name}"])]
            assert got.shape == wanted.shape
            np.testing.assert_allclose(
                got, wanted, rtol=0, atol=1.2e-4 if (family, len(wanted)) == ("citrinet", 138) else TOLERANCE
            )
            if len(np.load(SHARED / "waves" / f"{name}.npy")) >= 16_000:
                assert recognizer.decoder(torch.from_numpy(got)) == tidy(str(text))
