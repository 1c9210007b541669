"""Artifacts that are not what was made: refused, with the name of what is wrong, before anything is parsed."""

from __future__ import annotations

import io
import json
import pickle
import random
import shutil
from pathlib import Path

import pytest
import torch

import asrquant
from asrquant.base.errors import ArtifactError, AsrQuantError, PresetError, UntrustedSourceError
from asrquant.cli import main
from asrquant.export import loading
from asrquant.export.sums import write_sums

LOBE = "!new:speechbrain.integrations.huggingface.wav2vec2.Wav2Vec2"
FILES = [
    "LICENSE", "README.md", "SHA256SUMS", "answers.npz", "architecture/architecture.yaml", "decoder.json",
    "encoder.state_dict.pt", "lm.arpa", "manifest.json", "transcribe.py",
]  # fmt: skip


@pytest.fixture
def artifact(exported, tmp_path: Path) -> Path:
    """A copy of a state-dict artifact, to damage."""
    _, made = exported("mixed-int8", "state-dict")
    return Path(shutil.copytree(made.folder, tmp_path / made.name))


@pytest.fixture
def nothing_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(*_: object, **__: object) -> None:
        raise AssertionError("something was parsed before every sha256 was checked")

    monkeypatch.setattr(loading, "read_json", parsed)
    monkeypatch.setattr(torch, "load", parsed)
    monkeypatch.setattr(torch.jit, "load", parsed)


def forged(artifact: Path, name: str, contents: bytes) -> Path:
    """The artifact of somebody who changes a file and makes the sums fit again."""
    (artifact / name).write_bytes(contents)
    write_sums(artifact)
    return artifact


def with_manifest(artifact: Path, **changes: object) -> Path:
    said = json.loads((artifact / "manifest.json").read_text())
    return forged(artifact, "manifest.json", json.dumps({**said, **changes}).encode())


def preset(**settings: object) -> dict:
    return {"name": "x", "summary": "", "settings": settings, "calibration": {}}


def test_these_are_all_files(artifact: Path) -> None:
    assert sorted(p.relative_to(artifact).as_posix() for p in artifact.rglob("*") if p.is_file()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_in_any_byte(artifact: Path, nothing_is_parsed: None, name: str) -> None:
    path = artifact / name
    whole = path.read_bytes()
    chance = random.Random(name)
    for position in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(20))}:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match="artifact"):
            asrquant.load_artifact(artifact)
    path.write_bytes(whole)


def test_every_bit_of_the_sums(artifact: Path, nothing_is_parsed: None) -> None:
    path = artifact / "SHA256SUMS"
    whole = path.read_bytes()
    for name in FILES:  # a file's contents do not matter here, only whether a changed line is noticed
        if name not in ("SHA256SUMS", "manifest.json", "decoder.json"):
            (artifact / name).write_bytes(b"")
    (artifact / "manifest.json").write_bytes(b"{}")
    write_sums(artifact)
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(ArtifactError):
                asrquant.load_artifact(artifact)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file(artifact: Path, nothing_is_parsed: None, name: str) -> None:
    whole = (artifact / name).read_bytes()
    for kept in (0, len(whole) // 2, len(whole) - 1):
        (artifact / name).write_bytes(whole[:kept])
        with pytest.raises(ArtifactError, match="again"):
            asrquant.load_artifact(artifact)
    (artifact / name).unlink()
    with pytest.raises(ArtifactError, match=name.split("/")[-1]):
        asrquant.load_artifact(artifact)


def test_a_file_too_many(artifact: Path) -> None:
    (artifact / ".gitattributes").write_text("what the Hub adds is hidden and does no harm")
    asrquant.load_artifact(artifact)
    (artifact / "architecture" / "config.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"architecture/config\.json does not belong"):
        asrquant.load_artifact(artifact)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        (
            {"format_version": 4},
            ArtifactError,
            "format version 4; this asrquant reads versions 1 to 3. Use the asrquant that",
        ),
        ({"format_version": [1]}, ArtifactError, r"format version \[1\]; this asrquant reads"),
        ({"format": "abacus"}, ArtifactError, "cannot load the artifact: .*'abacus'"),
        ({"backend": "tpu"}, PresetError, "'tpu' is not in this build of PyTorch; it has"),
        ({"preset": preset(engine="abacus")}, ArtifactError, r"preset\.settings cannot be used: .*'abacus'"),
        (
            {"preset": preset(engine="torch_eager", observer="eyes")},
            ArtifactError,
            r"preset\.settings\.torch_eager\.observer",
        ),
        (
            {"preset": preset(engine="openvino", max_drop=-1)},
            ArtifactError,
            r"preset\.settings\.openvino cannot be used: max_drop is -1\.0; .* needs int8\.$",
        ),
        (
            {"preset": {**preset(engine="openvino"), "calibration": {"clips": 0}}},
            ArtifactError,
            "calibration clips is 0; at least 1",
        ),
        ({"preset": preset()}, ArtifactError, "preset.settings cannot be used: Unable to extract tag"),
        ({"roles": {"head": 3}}, ArtifactError, r"manifest.json: roles\.head cannot be used"),
        ({"source": None}, ArtifactError, r"manifest.json: source cannot be used"),
    ],
)
def test_a_manifest_of_another_kind(artifact: Path, changes: dict, error: type[AsrQuantError], says: str) -> None:
    with pytest.raises(error, match=says):
        asrquant.load_artifact(with_manifest(artifact, **changes))


@pytest.mark.parametrize("contents", [b"[]", b"{", b"\xff", b"null"])
def test_a_manifest_that_is_none(artifact: Path, contents: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"manifest\.json is not a JSON object"):
        asrquant.load_artifact(forged(artifact, "manifest.json", contents))


def test_weights_that_do_not_fit(artifact: Path) -> None:
    state = torch.load(artifact / "encoder.state_dict.pt", weights_only=True)
    del state["ctc_lin.w.weight"]
    torch.save(state, artifact / "encoder.state_dict.pt")
    write_sums(artifact)
    with pytest.raises(ArtifactError, match=r"encoder\.state_dict\.pt does not fit the architecture"):
        asrquant.load_artifact(artifact)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_is_not_run(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"ctc_lin.w.weight": Bomb()}, artifact / "encoder.state_dict.pt")
    write_sums(artifact)
    with pytest.raises(ArtifactError, match="could not be loaded here"):
        asrquant.load_artifact(artifact)
    with pytest.raises(AsrQuantError):
        asrquant.verify(forged(artifact, "answers.npz", pickle.dumps(Bomb())))
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    "architecture",
    [
        "encoder: !apply:pathlib.Path.touch [!new:pathlib.Path [exploded]]",
        "encoder: !new:subprocess.Popen [[touch, exploded]]",
        "encoder: !!python/object/apply:os.system ['touch exploded']",
        "encoder: !name:os.system\n",
        "!new:subprocess.Popen {args: [touch, exploded]}: 1\nencoder: 2",
        "%TAG ! tag:yaml.org,2002:python/object/apply:\n---\nencoder: !os.system ['touch exploded']",
        "encoder: !include:hyperparams.yaml",
        "encoder: !new:torch.nn.modules.module.Module",
        "encoder: !new:torch.nn.Linear.__init__",
        "encoder: (!!python/object/apply:os.system [touch exploded],)",
        "encoder: '(!!python/object/apply:os.system [touch exploded],)'",
        "encoder: !tuple '(!!python/object/apply:os.system [touch exploded],)'",
        "encoder: !applyref:os.system [touch exploded]",
        "encoder: !ref <encoder.x>",
        f"encoder: {LOBE} {{source: x, save_path: x, trust_remote_code: true}}",
        f"encoder: {LOBE} {{source: x, save_path: x, weights_only: false}}",
        f"encoder: {LOBE} [someone/model, x]",
        "encoder: !new:transformers.Wav2Vec2Config {attn_implementation: someone/kernel}",
    ],
)
def test_an_architecture_that_is_code(artifact: Path, tmp_path: Path, monkeypatch, architecture: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedSourceError, match=r"architecture\.yaml holds"):
        asrquant.load_artifact(forged(artifact, "architecture/architecture.yaml", architecture.encode()))
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("name", "contents", "says"),
    [
        ("custom.py", b"import pathlib; pathlib.Path('exploded').touch()", r"brings Python code \(custom\.py\)"),
        (
            "config.json",
            b'{"model_type": "wav2vec2", "attn_implementation": "someone/kernel"}',
            "asks for code from the Hub",
        ),
    ],
)
def test_code_beside_an_architecture(
    artifact: Path, tmp_path: Path, monkeypatch, name: str, contents: bytes, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedSourceError, match=says):
        asrquant.load_artifact(forged(artifact, f"architecture/{name}", contents))
    assert not Path("exploded").exists()


class Program(torch.nn.Module):
    """TorchScript that acts when it is loaded, by an operation of PyTorch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.kept, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.kept, self.training = state
        torch.save(self.kept, "exploded")

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        return wave


def test_torchscript_is_a_program_that_its_sum_keeps_from_being_loaded(
    artifact: Path, tmp_path, monkeypatch, capsys
) -> None:
    """Whoever rewrites the sums as well has made another artifact: load those of people you trust (docs/artifacts.md)."""
    monkeypatch.chdir(tmp_path)
    with_manifest(artifact, format="torchscript", model_file="encoder.torchscript.pt")
    program = io.BytesIO()
    torch.jit.save(torch.jit.script(Program()), program)
    (artifact / "encoder.torchscript.pt").write_bytes(b"what was there")
    write_sums(artifact)
    (artifact / "encoder.torchscript.pt").write_bytes(program.getvalue())
    with pytest.raises(ArtifactError, match=r"encoder\.torchscript\.pt has changed"):
        asrquant.load_artifact(artifact)
    clip = str(asrquant.example_clips()[0].path)
    assert main(["transcribe", clip, "--artifact", str(artifact)]) == 2
    assert "encoder.torchscript.pt has changed" in capsys.readouterr().err and not Path("exploded").exists()
    torch.jit.load(artifact / "encoder.torchscript.pt")
    assert Path("exploded").exists(), "the program does nothing even where nothing is checked"


@pytest.mark.parametrize(
    "contents", [b"", b"\\data\\\nngram 1=4000000000\n\n\\1-grams:\n", b"mmap lm http://kheafield.com/code"]
)
def test_an_n_gram_that_is_none(artifact: Path, contents: bytes, capsys) -> None:
    (artifact / "lm.arpa").write_bytes(contents)
    with pytest.raises(ArtifactError, match=r"lm\.arpa has changed"):
        asrquant.load_artifact(artifact)
    write_sums(artifact)
    assert main(["transcribe", str(asrquant.example_clips()[0].path), "--artifact", str(artifact)]) == 2
    assert "KenLM cannot read the n-gram" in capsys.readouterr().err
