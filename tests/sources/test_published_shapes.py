"""EncoderASR files in the shapes that SpeechBrain's published models have: what they say is what happens."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import write_base, write_speechbrain

import asrquant
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.cli import main

GREEDY = "decoding_function: !name:speechbrain.decoders.ctc_greedy_decode\n    blank_id: 0\n"
SEARCH = "decoding_function: !name:speechbrain.decoders.CTCBeamSearcher\n"
SETTINGS = "test_beam_search:\n    beam_size: 20\n    token_prune_min_logp: -4.0\n    blank_index: 0\n    topk: 1\n"
COST = "ctc_cost: !name:speechbrain.nnet.losses.ctc_loss\n    blank_index: 0\n"
LAST = "    log_softmax: !ref <log_softmax>\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("asr")
    write_speechbrain(folder, write_base(folder / "base"))
    state = torch.load(folder / "asr.ckpt")
    key = next(name for name in state if name.startswith("0.1.") or (name.startswith("1.") and name.endswith("weight")))
    state[key] = state[key] * 12  # random weights would say one thing only
    torch.save(state, folder / "asr.ckpt")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    copied = Path(shutil.copytree(made, tmp_path / "model"))
    return change(copied, str(made), str(copied))


def change(folder: Path, *pairs: str) -> Path:
    yaml = (folder / "hyperparams.yaml").read_text()
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in yaml
        yaml = yaml.replace(old, new)
    (folder / "hyperparams.yaml").write_text(yaml)
    return folder


def plain(folder: Path, audio) -> tuple[torch.Tensor, str]:
    """Outputs and text of plain SpeechBrain."""
    from speechbrain.inference.ASR import EncoderASR

    asr = EncoderASR.from_hparams(source=str(folder))
    wave = torch.from_numpy(audio.samples)[None]
    with torch.inference_mode():
        return asr.encode_batch(wave, torch.ones(1))[0], " ".join(
            asr.transcribe_batch(wave, torch.ones(1))[0][0].split()
        )


@pytest.mark.parametrize(
    ("pairs", "decoder"),
    [
        ((GREEDY, GREEDY), "greedy"),
        ((GREEDY, COST + SEARCH + SETTINGS), "beam"),
        ((GREEDY, SEARCH + SETTINGS), "beam"),
        ((GREEDY, SEARCH + SETTINGS + "    kenlm_model_path: null\n"), "beam"),
        ((GREEDY, GREEDY + SETTINGS + "    kenlm_model_path: none\n"), "greedy"),
        ((GREEDY, GREEDY + "test_beam_search: {beam_size: 7, of_training: 1}\n"), "greedy"),
        ((GREEDY, GREEDY + "audio_normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer\n"), "greedy"),
    ],
    ids=["greedy", "cost", "search", "null", "left over", "of training", "normalizer"],
)  # fmt: skip
def test_the_decoder_is_the_one_that_was_built(folder: Path, examples, pairs: tuple[str, ...], decoder: str) -> None:
    change(folder, *pairs)
    recognizer = asrquant.load(str(folder))
    assert recognizer.decoder.name == decoder and recognizer.vocabulary.ngram is None
    change(folder, "    kenlm_model_path: null\n", "") if "null" in pairs[1] else None
    for gain in (1.0, 0.1):
        audio = examples[0].audio()
        audio = replace(audio, samples=audio.samples * gain)
        outputs, text = plain(folder, audio)
        assert torch.allclose(recognizer.log_probs(audio), outputs, atol=1e-4)
        assert recognizer.transcribe(audio).text == text
    assert isinstance(recognizer.with_decoder("beam").transcribe(examples[0].path).text, str)


@pytest.mark.long
def test_logits_become_log_probs(folder: Path, examples, tmp_path: Path) -> None:
    whole = asrquant.load(str(folder))
    change(folder, LAST, "")
    recognizer = asrquant.load(str(folder))
    audio = examples[0].audio()
    outputs, text = plain(folder, audio)
    assert not torch.allclose(outputs.logsumexp(-1), torch.zeros(()), atol=0.1)
    assert torch.allclose(recognizer.log_probs(audio), outputs.log_softmax(-1), atol=1e-5)
    assert recognizer.transcribe(audio).text == text and recognizer.roles == whole.roles
    beams = [each.with_decoder("beam").transcribe(audio).text for each in (whole, recognizer)]
    assert beams[0] == beams[1]
    quantized = [asrquant.quantize(each, "dynamic-int8") for each in (whole, recognizer)]
    assert torch.allclose(quantized[0].log_probs(audio), quantized[1].log_probs(audio), atol=1e-5)
    artifact = asrquant.export(quantized[1], "state-dict", tmp_path / "exports")
    assert torch.equal(asrquant.load_artifact(artifact.path).log_probs(audio), quantized[1].log_probs(audio))


def test_probabilities_are_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match="ends in probabilities; end it in log-probs"):
        asrquant.load(str(change(folder, "apply_log: True", "apply_log: False")))


@pytest.mark.parametrize(
    ("name", "part", "says"),
    [
        ("asr.ckpt", "w.weight", r"they lack \S*ctc_lin\.w\.weight, enc\.linear1\.w\.weight"),
        ("asr.ckpt", "running_mean", r"they lack \S*enc\.bn1\.norm\.running_mean"),
        ("wav2vec2.ckpt", "layers.1.", None),
    ],
)
def test_weights_that_a_checkpoint_lacks(folder: Path, name: str, part: str, says: str | None) -> None:
    state = torch.load(folder / name)
    torch.save({key: value for key, value in state.items() if part not in key}, folder / name)
    if says is None:  # the lobe's base, which was read before, has them
        assert asrquant.load(str(folder))
        return
    with pytest.raises(SourceError, match=says):
        asrquant.load(str(folder))


def test_weights_that_nothing_fills(folder: Path, capsys, examples) -> None:
    change(folder, "        asr: !ref <asr_model>\n", "")
    with pytest.raises(
        SourceError, match=r"they lack ctc_lin\.w\.bias, ctc_lin\.w\.weight, enc\.bn1\.norm\.bias and \d more"
    ):
        asrquant.load(str(folder))
    assert main(["transcribe", str(examples[0].path), "--preset", "original", "--model", str(folder)]) == 2
    assert "they lack ctc_lin.w.bias" in capsys.readouterr().err


def test_weights_that_the_base_lacks(folder: Path, examples) -> None:
    """They are no matter where the model's own checkpoint has them, which is loaded over the base."""
    path = folder / "base" / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if ".layers.1." not in name}
    save_file(kept, path, metadata={"format": "pt"})
    expected = asrquant.load(str(folder)).log_probs(examples[0].audio())
    assert torch.equal(asrquant.load(str(folder)).log_probs(examples[0].audio()), expected)
    change(folder, "        wav2vec2: !ref <wav2vec2>\n        asr", "        asr")
    with pytest.raises(
        SourceError, match=r"they lack wav2vec2\.model\.encoder\.layers\.1\.attention\.\S+ .* and \d+ more"
    ):
        asrquant.load(str(folder))


def test_weights_that_no_part_has(folder: Path) -> None:
    state = torch.load(folder / "wav2vec2.ckpt")
    key = next(name for name in state if ".layers.1." in name)
    torch.save({**state, key.replace(".layers.1.", ".layers.2."): state[key]}, folder / "wav2vec2.ckpt")
    with pytest.raises(SourceError, match=r"they have besides model\.encoder\.layers\.2\."):
        asrquant.load(str(folder))


def test_sound_at_another_rate(folder: Path) -> None:
    normalizer = "audio_normalizer: !new:speechbrain.dataio.preprocess.AudioNormalizer\n    sample_rate: 8000\n"
    with pytest.raises(SourceError, match=r"is for sound at 8000 Hz \(its audio_normalizer"):
        asrquant.load(str(change(folder, GREEDY, normalizer + GREEDY)))


def test_more_outputs_than_tokens(folder: Path) -> None:
    state = torch.load(folder / "asr.ckpt")
    pieces = int(re.findall(r"n_neurons: (\d+)", (folder / "hyperparams.yaml").read_text())[-1])
    grown = {k: torch.cat([v, v[:3]]) if len(v.shape) and len(v) == pieces else v for k, v in state.items()}
    torch.save(grown, folder / "asr.ckpt")
    change(folder, f"n_neurons: {pieces}", f"n_neurons: {pieces + 3}")
    with pytest.raises(SourceError, match=rf"has {pieces + 3} outputs and a tokenizer of {pieces} tokens"):
        asrquant.load(str(folder))


@pytest.mark.parametrize(
    ("search", "says"),
    [
        (f"{SEARCH}{SETTINGS}    kenlm_model_path: someone/lm/lm.arpa\n", "source 'someone/lm/lm.arpa'"),
        (f"{SEARCH}{SETTINGS}    kenlm_model_path: http://localhost/lm.arpa\n", "source 'http://localhost/lm.arpa'"),
        (f"{SEARCH}{SETTINGS}    kenlm_model_path: lm.arpa\n", "source 'lm.arpa'"),
        (f"{SEARCH}x: {{kenlm_model_path: someone/lm/lm.arpa}}\ntest_beam_search: !ref <x>\n", "someone/lm/lm.arpa"),
        (f"{SEARCH}{SETTINGS}    kenlm_model_path: [someone/lm/lm.arpa]\n", "which is neither in its folder nor pinned"),
        ("decoding_function: !new:speechbrain.decoders.CTCBeamSearcher [0, [a], ' ', someone/lm.arpa]\n", "settings of its own"),
        ("decoding_function: !name:speechbrain.decoders.CTCBeamSearcher\n    kenlm_model_path: lm.arpa\n", "settings of its own"),
        (
            f"{GREEDY}p: !new:speechbrain.utils.parameter_transfer.Pretrainer\n"
            "    _args: []\n    _kwargs: {paths: {asr: someone/model/asr.ckpt}}\n",
            "setting '_args'",
        ),
    ],
)  # fmt: skip
def test_an_n_gram_from_elsewhere(folder: Path, monkeypatch, search: str, says: str) -> None:
    """SpeechBrain fetches it, from wherever the file says, and KenLM reads it, as soon as the search is built."""
    from speechbrain.inference import ASR

    monkeypatch.setattr(ASR, "fetch", lambda *_, **__: pytest.fail("it was fetched"))
    with pytest.raises(UntrustedSourceError, match=says):
        asrquant.load(str(change(folder, GREEDY, search)))
