"""What the page's worker is made of: models built once and bounded, threads; and what visitors may read and send."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asrquant import PRESETS
from asrquant.base.errors import ExportError, PresetError, SettingError
from asrquant.jobs import export, models, threads
from asrquant.model.presets import custom
from asrquant.ui import session


def test_public_pages_keep_their_folders_to_themselves(monkeypatch) -> None:
    said = (
        "KenLM cannot read the n-gram /home/me/lm.arpa: /tmp/a b is gone; see '/data/my models/x' or Ogg Vorbis/Opus at "
        "http://a/b, 1/2."
    )
    assert session.for_visitors(said) == said
    monkeypatch.setenv("SPACE_ID", "somebody/asrquant")
    assert session.for_visitors(said) == (
        "KenLM cannot read the n-gram lm.arpa: a b is gone; see 'x' or Ogg Vorbis/Opus at http://a/b, 1/2."
    )


def test_threads_are_those_that_the_process_may_use(monkeypatch, tmp_path: Path) -> None:
    allowed = len(os.sched_getaffinity(0))
    assert 1 <= threads.cpus() <= allowed and threads.cpus(tmp_path) == allowed
    for quota, least in (("max 100000", allowed), ("20000 100000", 1), ("120000 100000", min(2, allowed))):
        (tmp_path / "cpu.max").write_text(quota)
        assert threads.cpus(tmp_path) == least
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert threads.cpus(tmp_path) == 1
    monkeypatch.setenv("ASRQUANT_THREADS", "3")
    assert threads.threads() == 3
    monkeypatch.setenv("ASRQUANT_THREADS", "many")
    with pytest.raises(SettingError, match="'many'"):
        threads.threads()


def test_models_are_built_once_and_bounded() -> None:
    kept = models.Models()
    dynamic = PRESETS["dynamic-int8"]
    first = kept.quantized("an4", dynamic)
    assert kept.quantized("an4", dynamic) is first
    assert kept.quantized("an4", PRESETS["original"]) is kept.original("an4")
    assert kept.quantized("an4", custom({}, base=dynamic, backend="fbgemm")) is not first
    small = models.Models(free=lambda: 0)
    original, first = small.original("an4"), small.quantized("an4", dynamic)
    assert small.quantized("an4", dynamic) is first and small.original("an4") is original
    small.quantized("an4", PRESETS["dynamic-float16"])
    assert small.original("an4") is original  # which the others are made of
    assert small.quantized("an4", dynamic) is not first
    roomy = models.Models(free=lambda: models.ROOM_BYTES + 1)  # for work, and not for building
    assert roomy.quantized("an4", dynamic) is roomy.quantized("an4", dynamic)
    first = roomy.quantized("an4", dynamic)
    roomy.quantized("an4", PRESETS["dynamic-float16"])
    assert roomy.quantized("an4", dynamic) is not first


def test_a_preset_that_does_not_fit_is_not_kept() -> None:
    kept = models.Models()
    with pytest.raises(PresetError):
        kept.quantized("an4", custom({"head": "static"}))
    assert kept.quantized("an4", custom({"head": "dynamic"})).preset.name == "custom"


@pytest.mark.parametrize("visitor", ["", "../an4", "A" * 32, [1], {"a": 1}, None])
def test_a_forged_visitor_has_no_artifacts(monkeypatch, visitor) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/asrquant")
    with pytest.raises(ExportError, match="does not know whose artifacts"):
        export.exports(visitor)
