"""Model cards: the Hub's own client reads them, and the Hub's rules hold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hub_rules import complaints
from huggingface_hub import ModelCard
from local_hub import LocalHub

from asrquant.engines.clips import NOTICE
from asrquant.engines.registry import FLOAT_ENGINE, formats, get_format
from asrquant.export.card import card
from asrquant.export.manifest import Manifest, Measurement, Result
from asrquant.model.card import Card, read_card
from asrquant.model.presets import PRESETS
from asrquant.model.used import UsedClip, UsedClips

HUB_ID = "speechbrain/asr-wav2vec2-commonvoice-14-en"
RESULTS = (Result("original", 12.345, 0.02, 0.03, 1.0), Result("dynamic-int8", 12.987, 0.01, 0.02, 2.0))
MEASURED = Measurement("bundled clips (AN4 eval)", 10, 61, "ngram", "a machine", RESULTS)


@pytest.fixture
def manifest(exported) -> Manifest:
    return exported("dynamic-int8", "torchscript")[1].manifest


def read(manifest: Manifest) -> ModelCard:
    """The card as the Hub's client has it; what it writes back is what it read."""
    text = card(manifest, get_format(manifest.format, manifest.preset))
    found = ModelCard(text)
    assert found.data.to_dict() == ModelCard(found.content).data.to_dict() and found.text in text
    return found


def from_the_hub(manifest: Manifest, said: Card | None = None) -> Manifest:
    return replace(manifest, source=replace(manifest.source, name=HUB_ID, card=said or Card()))


def test_the_embedded_models_card_says_what_is_known(manifest: Manifest, empty_hub: LocalHub) -> None:
    found = read(manifest)
    found.validate()
    assert found.data.to_dict() == {
        "language": ["en"], "license": "other", "license_name": "an4", "license_link": "LICENSE", "library_name": "pytorch",
        "pipeline_tag": "automatic-speech-recognition", "tags": ["asrquant", "quantization", "torchscript"],
    }  # fmt: skip
    assert empty_hub.cards == [("model", found.content)]


def test_a_measured_wer_is_the_artifacts_own(manifest: Manifest, empty_hub: LocalHub) -> None:
    found = read(replace(manifest, measurement=MEASURED))
    found.validate()
    (result,) = found.data.eval_results
    assert (result.task_type, result.metric_type) == ("automatic-speech-recognition", "wer")
    assert (
        result.metric_value == 12.99
        and "12.345" not in found.content
        and result.metric_name == "WER (%), decoder ngram"
    )
    assert result.dataset_name == "bundled clips (AN4 eval): 10 clips, 61 words"
    assert found.data.metrics == ["wer"] and found.data.model_name == manifest.name
    wordless = replace(MEASURED, results=tuple(replace(result, wer=None) for result in RESULTS))
    unmeasured = read(replace(manifest, measurement=wordless)).data.to_dict()
    assert "model-index" not in unmeasured and "metrics" not in unmeasured and "model_name" not in unmeasured


def test_cer_stands_beside_wer_and_leads_where_it_is_the_main_figure(manifest: Manifest, empty_hub: LocalHub) -> None:
    results = tuple(replace(result, cer=result.wer / 4) for result in RESULTS)
    found = read(replace(manifest, measurement=replace(MEASURED, results=results, normalization="english")))
    assert "| preset | WER (%) | CER (%) |" in found.text and "decoder ngram, normalization english" in found.text
    assert found.data.eval_results[0].metric_type == "wer"
    chinese = replace(MEASURED, results=results, measure="CER", normalization="basic")
    found = read(replace(manifest, measurement=chinese))
    found.validate()
    (result,) = found.data.eval_results
    assert (result.metric_type, result.metric_name, result.metric_value) == ("cer", "CER (%), decoder ngram", 3.25)
    assert "| preset | CER (%) | WER (%) |" in found.text
    assert (
        "| original | 12.3 | n/a |" in read(replace(manifest, measurement=MEASURED)).text
    )  # made before CER was measured


def test_the_bundled_clips_for_another_model_are_no_secret(manifest: Manifest, empty_hub: LocalHub) -> None:
    used = UsedClips("bundled ones, AN4", (UsedClip("an1", "0" * 64),), seed=7)
    assert (
        "| Calibration | 1 clip (bundled ones, AN4; drawn with seed 7); ids"
        in read(replace(manifest, calibration=used)).text
    )
    text = read(replace(manifest, calibration=replace(used, notice=NOTICE))).text
    assert text.count("| Notice | dynamic-int8: calibrated with the bundled clips, English letters and numbers") == 1
    mine = replace(used, name="<b>|mine", refused=2)
    checked = read(replace(manifest, validation=mine)).text
    assert "| Validation | 1 clip (\\<b\\>\\|mine; drawn with seed 7; 2 rows could not be used); ids" in checked


def test_the_embedded_models_own_card_is_the_hubs(model_folder: Path) -> None:
    assert complaints((model_folder / "README.md").read_text(), "model") == []


@pytest.mark.long
def test_only_what_is_quantized_is_called_so(exported, manifest: Manifest, empty_hub: LocalHub) -> None:
    assert read(from_the_hub(manifest)).data.base_model_relation == "quantized"
    nothing = replace(manifest.verification, quantized={})
    converted = replace(manifest, preset=PRESETS["openvino-fp32"], format="openvino-ir", verification=nothing)
    for each in (exported("original", "state-dict")[1].manifest, converted):
        found = read(from_the_hub(each))
        found.validate()
        assert found.data.base_model == HUB_ID and "quantization" not in found.data.tags
        assert "base_model_relation" not in found.data and "Quantized from" not in found.text


def test_the_library_is_what_opens_the_file() -> None:
    engines = {preset.engine or FLOAT_ENGINE: preset for preset in PRESETS.values()}
    found = {form.name: form.library for preset in engines.values() for form in formats(preset)}
    onnx = {"onnx": "onnx", "web": "onnx"}
    assert found == {"torchscript": "pytorch", "state-dict": "asrquant", "openvino-ir": "openvino", **onnx}


def test_a_hub_model_lends_its_licence_languages_and_data(
    manifest: Manifest, empty_hub: LocalHub, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(
        "---\nlanguage: [en, de]\nlicense: apache-2.0\nlicense_link: LICENSE.txt\ndatasets:\n- 7\n"
        "- mozilla-foundation/common_voice_14_0\nmetrics: [wer, cer]\nmodel-index:\n- name: x\n  results: []\n---\n# x\n"
    )
    said = read_card(tmp_path / "README.md")
    assert said == Card(("en", "de"), "apache-2.0", "", "LICENSE.txt", ("mozilla-foundation/common_voice_14_0",))
    without_file = {name: file for name, file in manifest.files.items() if not name.startswith("LICENSE")}
    found = read(replace(from_the_hub(manifest, said), files=without_file))
    found.validate()
    assert found.data.language == ["en", "de"] and found.data.license == "apache-2.0"
    assert found.data.datasets == ["mozilla-foundation/common_voice_14_0"]
    assert "license_link" not in found.data.to_dict()  # it leads to a file that did not come along
    assert "The model's own: apache-2.0, as its card says" in found.text


@pytest.mark.parametrize(
    "text",
    [
        "", "# no front matter", "---\n- a list\n---\n", "---\nlicense: [\n---\n", "---\nlicense: {a: b}\nlanguage: 3\n---\n",
        "---\nlicense: My Own\nlanguage: English\ndatasets: ['../../x', 'a b']\nlicense_link: 'javascript:x'\n---\n",
        "---\n" + "a: " + "[" * 3000 + "\n---\n", "---\nlicense: mit\n" + "#" * 50_001 + "\n---\n",
    ],
)  # fmt: skip
def test_what_a_card_says_amiss_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text)
    assert read_card(tmp_path / "README.md") == read_card(tmp_path / "none") == Card()


@pytest.mark.parametrize(
    "name",
    [
        'a "quoted" name', "a\n---\nlicense: mit\n---\n# b", "key: value # c", "- item", "a | b", "<b>ü</b> 模型 \u202e", "'",
        "{a: *b}", "a--b/c",
    ],
)  # fmt: skip
def test_odd_names_stay_names(manifest: Manifest, empty_hub: LocalHub, name: str) -> None:
    plain = read(replace(manifest, measurement=MEASURED))
    odd = replace(
        manifest,
        source=replace(manifest.source, name=name),
        preset=replace(manifest.preset, name=name, summary=name),
        measurement=replace(MEASURED, data=name, results=(RESULTS[0], replace(RESULTS[1], preset=name))),
    )
    found = read(odd)
    found.validate()
    assert found.data.to_dict().keys() == plain.data.to_dict().keys()
    assert found.data.license == "other" and found.data.eval_results[0].metric_value == 12.99
    assert " ".join(name.split()).replace("\u202e", "\ufffd") in found.data.eval_results[0].dataset_name

    assert shape(found.text) == shape(plain.text)


def shape(text: str) -> list[tuple[str, int]]:
    """What each line begins with, which makes it a heading, a table, a list or code; and its columns."""
    return [(re.match(r"[#`|>+-]*", line)[0], len(re.findall(r"(?<!\\)\|", line))) for line in text.splitlines()]
