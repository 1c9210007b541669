"""``.nemo`` files from strangers: refused in bounded time and memory, and nothing in them is run."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import small_nemo
import torch

import asrquant
from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.cli import main

BOUND_SECONDS, BOUND_BYTES = 20, 400_000_000


def refused(path: Path, says: str, kind: type[SourceError] = UntrustedSourceError) -> str:
    """Loading it fails with one sentence, soon, and without taking much memory, trusted or not."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    for trust in (False, True):
        with pytest.raises(kind, match=says) as error:
            asrquant.load(str(path), trust_source=trust)
        assert "\n" not in str(error.value) and str(path) in str(error.value)
    assert time.perf_counter() - begun < BOUND_SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BOUND_BYTES
    return str(error.value)


def changed(tmp_path: Path, change) -> Path:
    """A model whose configuration was changed."""
    said = small_nemo.config()
    weights = small_nemo.state(said)
    change(said)
    return small_nemo.write(tmp_path / "m.nemo", small_nemo.members(said, weights))


@pytest.mark.parametrize(
    "where", ["encoder", "preprocessor", "decoder", "spec_augment", "optim.sched", "train_ds.augmentor.noise"]
)
@pytest.mark.parametrize(
    "target", ["os.system", "subprocess.Popen", "nemo.collections.asr.modules/../os.mkdir", "builtins.exec"]
)
def test_a_target_that_runs_a_command(tmp_path: Path, where: str, target: str) -> None:
    def hostile(said):
        for name in where.split("."):
            said = said.setdefault(name, {})
        said |= {"_target_": target, "command": f"touch {tmp_path / 'ran'}", "path": str(tmp_path / "ran")}

    assert target in refused(changed(tmp_path, hostile), "_target_|asks for|called")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "target",
    [
        "nemo.utils.app_state.AppState",
        "nemo.collections.asr.modules.RNNEncoder",
        "nemo.collections.tts.modules.ConvASREncoder",
    ],
)
def test_a_part_that_is_none_of_those_known(tmp_path: Path, target: str) -> None:
    path = changed(tmp_path, lambda said: said["encoder"].update(_target_=target))
    assert f"its encoder is {target!r}" in refused(path, "has no modules for")


def test_the_terminal_says_it_in_a_sentence(tmp_path: Path, capsys, examples) -> None:
    path = changed(tmp_path, lambda said: said["encoder"].update(_target_="os.system"))
    assert main(["transcribe", str(examples[0].path), "--preset", "original", "--model", str(path)]) == 2
    said = capsys.readouterr().err
    assert "os.system" in said and "Traceback" not in said


def plain(said: dict | None = None) -> dict[str, bytes]:
    said = said or small_nemo.config()
    return small_nemo.members(said, small_nemo.state(said))


@pytest.mark.parametrize(
    "name", ["../evil.yaml", "/tmp/evil.yaml", "./a/../../evil", "folder/evil.txt", "..", ".\\evil\n"]
)
def test_members_that_would_lie_elsewhere(tmp_path: Path, name: str) -> None:
    refused(small_nemo.write(tmp_path / "m.nemo", {name: b"x", **plain()}), "would lie elsewhere|neither a file")
    assert not (tmp_path.parent / "evil.yaml").exists() and not Path("/tmp/evil.yaml").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("name", ["./model_weights.ckpt", "./tokenizer.model"])
def test_members_that_are_no_files(tmp_path: Path, kind: bytes, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    config = {key: value for key, value in plain().items() if "config" in key}
    refused(small_nemo.write(tmp_path / "m.nemo", config, member), "is a link|neither a file")


def test_links_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "model_config.yaml").write_bytes(plain()["./model_config.yaml"])
    (folder / "model_weights.ckpt").symlink_to("/dev/zero")
    (folder / "tokenizer.model").symlink_to("/etc/passwd")
    with pytest.raises(SourceError, match=str(folder)):
        asrquant.load(str(folder))
    (folder / "model_weights.ckpt").unlink()
    (folder / "model_weights.ckpt").write_bytes(plain()["./model_weights.ckpt"])
    refused(folder, "tokenizer.model is a link")


def sparse_member(path: Path, size: int) -> Path:
    """A tar of some kilobytes with a member that stands for ``size`` bytes, in GNU's old form."""
    header = tarfile.TarInfo("./model_weights.ckpt")
    header.size = 512
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    block[386:398], block[398:410] = b"%011o\0" % (size - 512), b"%011o\0" % 512  # one piece, at the end
    block[483:495] = b"%011o\0" % size
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(bytes(block) + b"x" * 512 + bytes(1024))
    return path


def test_a_sparse_member_of_ten_gigabytes(tmp_path: Path) -> None:
    path = sparse_member(tmp_path / "m.nemo", 8_000_000_000)
    assert path.stat().st_size < 10_000
    refused(path, "is sparse")


def test_a_sparse_member_in_pax_form(tmp_path: Path) -> None:
    member = tarfile.TarInfo("./model_weights.ckpt")
    member.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "./model_weights.ckpt",
        "GNU.sparse.realsize": str(10**10),
    }  # fmt: skip
    content = b"1\n9999999488\n512\n".ljust(512, b"\0") + b"x" * 512
    member.size = len(content)
    with tarfile.open(tmp_path / "m.nemo", "w:", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(content))
    refused(tmp_path / "m.nemo", "is sparse")


def test_a_file_of_ten_gigabytes_of_holes(tmp_path: Path) -> None:
    """A member that says how long it is itself, behind it nothing; and one whose description would be as long."""
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        member = tarfile.TarInfo("./model_weights.ckpt")
        member.size, member.type = 10**10, kind
        with (tmp_path / "m.nemo").open("wb") as file:
            file.write(member.tobuf(tarfile.GNU_FORMAT))
            file.truncate(10**10 + 2048)
        refused(tmp_path / "m.nemo", "sparse")


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_ten_gigabytes_compressed(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("./model_weights.ckpt")
    member.size, member.type = 10**10, kind
    zeros = gzip.compress(bytes(1 << 20))  # gzip's members may follow each other
    (tmp_path / "m.nemo").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT)) + zeros * 2_000)
    refused(tmp_path / "m.nemo", "unpacks to more|longer than a description")


def alias_bomb(levels: int, merge: bool = False) -> bytes:
    lines = ["a0: &a0 {x0: 1, y0: 2}" if merge else "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    for level in range(1, levels):
        again = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} {{'<<': [{again}]}}" if merge else f"a{level}: &a{level} [{again}]")
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (alias_bomb(40), "stands for more than"),
        (alias_bomb(40, merge=True).replace(b"'<<'", b"<<"), "stands for more than"),
        (b"a: &a [*a]", "holds itself|not the YAML"),
        (b"[" * 200_000, "not the YAML"),
        (b"a: " + b"1:" * 400_000 + b"1", "characters"),
        (b"a: !!python/object/apply:os.system ['touch ran']", "not the YAML"),
        (b"\xff\xfe\x00", "not the YAML|no mapping"),
        (b"", "is empty"),
        (b"just a text", "no mapping"),
    ],
    ids=["aliases", "merges", "cycle", "depth", "base of sixty", "python", "bytes", "empty", "text"],
)
def test_yaml_that_is_none_or_a_bomb(tmp_path: Path, config: bytes, says: str) -> None:
    path = small_nemo.write(tmp_path / "m.nemo", {**plain(), "./model_config.yaml": config})
    refused(path, says, SourceError)


class Runs:
    """What a pickle can do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs(tmp_path: Path, legacy: bool, protocol: int) -> None:
    weights = small_nemo.state(small_nemo.config())
    file = io.BytesIO()
    torch.save(
        {**weights, "evil": Runs(tmp_path / "ran")},
        file,
        _use_new_zipfile_serialization=not legacy,
        pickle_protocol=protocol,
    )
    path = small_nemo.write(tmp_path / "m.nemo", small_nemo.members(small_nemo.config(), file.getvalue()))
    assert "system" in refused(path, "would run")
    bare = small_nemo.members(small_nemo.config(), pickle.dumps(Runs(tmp_path / "ran"), protocol))
    refused(small_nemo.write(tmp_path / "b.nemo", bare), "would run")
    assert not (tmp_path / "ran").exists()


def test_weights_that_would_grow(tmp_path: Path) -> None:
    weights = small_nemo.saved(small_nemo.state(small_nemo.config()))
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(weights)) as there, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for entry in there.namelist():
            out.writestr(entry, there.read(entry))
        out.writestr("archive/data/999", bytes(100_000_000))
    path = small_nemo.write(tmp_path / "m.nemo", small_nemo.members(small_nemo.config(), packed.getvalue()))
    refused(path, "would grow")


def without(part: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in small_nemo.state(small_nemo.config()).items() if part not in name}


def damaged(name: str, change) -> dict[str, torch.Tensor]:
    weights = small_nemo.state(small_nemo.config())
    weights[name] = change(weights[name])
    return weights


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (lambda: without("mconv.1"), r"they lack encoder\.encoder\.0\.mconv\.1"),
        (lambda: without(".fb"), r"they lack preprocessor\.featurizer\.fb"),
        (lambda: damaged("decoder.decoder_layers.0.bias", lambda t: t * float("nan")), "decoder_layers.0.bias holds NaN"),
        (lambda: damaged("encoder.encoder.1.mconv.2.running_var", lambda t: t / 0), "running_var holds NaN or infinity"),
        (lambda: damaged("encoder.encoder.0.mconv.1.conv.weight", lambda t: t[:3]), "other shapes"),
        (lambda: damaged("decoder.decoder_layers.0.bias", lambda t: torch.zeros(1).expand(10**12)), "other shapes"),
        (lambda: damaged("decoder.decoder_layers.0.bias", lambda t: t.long()), "not of floating point"),
        (lambda: {**small_nemo.state(small_nemo.config()), "encoder.more": torch.zeros(3)}, r"have besides encoder\.more"),
        (lambda: [torch.zeros(3)], "no state dict"),
        (lambda: b"nothing of PyTorch's", "no checkpoint"),
        (lambda: b"PK\x03\x04" + bytes(300), "no checkpoint"),
        (lambda: small_nemo.saved(small_nemo.state(small_nemo.config()))[:9_000], "no checkpoint|cannot be read"),
    ],
    ids=["missing", "filters", "nan", "infinite", "shape", "huge shape", "numbers", "more", "list", "text", "zip", "half"],
)  # fmt: skip
def test_weights_that_are_none(tmp_path: Path, weights, says: str) -> None:
    path = small_nemo.write(tmp_path / "m.nemo", small_nemo.members(small_nemo.config(), weights()))
    refused(path, says, SourceError)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda said: said["encoder"]["jasper"][1].update(repeat=999_999), "repeat"),
        (lambda said: said["encoder"].update(jasper=said["encoder"]["jasper"] * 900), "layers"),
        (lambda said: said["encoder"]["jasper"][1].update(filters=10**9), "filters"),
        (lambda said: said["encoder"]["jasper"][1].update(filters=60_000), "other shapes|do not fit"),
        (lambda said: said["encoder"].update(from_the_future=1), "encoder.from_the_future .* not known here"),
        (lambda said: said["preprocessor"].update(sample_rate=8000), "8000 Hz"),
        (lambda said: said["preprocessor"].update(n_fft=-5), "preprocessor.n_fft"),
        (lambda said: said["decoder"].update(vocabulary=["a", 1]), "no list of labels"),
        (lambda said: said["decoder"].update(vocabulary=["a"]), "29 outputs and 1 labels"),
        (lambda said: said.pop("decoder"), "has no decoder"),
        (lambda said: said.update(tokenizer={"type": "wpe"}), "'wpe'"),
        (lambda said: said.update(tokenizer={"type": "bpe", "model_path": "nemo:../../x.model"}), "holds no x.model"),
        (lambda said: said.update(joint={}, decoder={"_target_": "nemo.collections.asr.modules.RNNTDecoder"}), "RNN-T"),
    ],
)
def test_configurations_that_do_not_fit(tmp_path: Path, change, says: str) -> None:
    refused(changed(tmp_path, change), says, SourceError)


def test_a_tokenizer_that_is_none(tmp_path: Path) -> None:
    said = small_nemo.config()
    weights = small_nemo.state(said)
    said["tokenizer"] = {"type": "bpe", "model_path": "nemo:0_tokenizer.model"}
    members = {**small_nemo.members(said, weights), "./0_tokenizer.model": b"\x0a\xff\xff\xff\xff\x0f" * 50}
    refused(small_nemo.write(tmp_path / "m.nemo", members), "no SentencePiece model", SourceError)


@pytest.mark.parametrize("cut", [0, 100, 700, 5_000, -2_000])
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_end_early(tmp_path: Path, cut: int, packed: bool) -> None:
    whole = small_nemo.write(tmp_path / "whole.nemo", plain(), mode="w:gz" if packed else "w:").read_bytes()
    (tmp_path / "m.nemo").write_bytes(whole[: cut if cut >= 0 or not packed else -40] if cut else b"")
    try:
        asrquant.load(str(tmp_path / "m.nemo"))
    except SourceError as error:
        assert "\n" not in str(error)
    else:  # what ends a tar is blocks of zeros, that nobody needs
        assert cut < 0


def test_in_a_process_of_little_memory(tmp_path: Path) -> None:
    """The worst of them, where there is no memory to spare: an error in a sentence, not a process that is killed."""
    gib = 6 * 1024**3  # of addresses, most of which PyTorch takes and never touches
    zeros = gzip.compress(bytes(1 << 20))
    member = tarfile.TarInfo("./model_weights.ckpt")
    member.size = 10**10
    (tmp_path / "m.nemo").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT)) + zeros * 5_000)
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({gib}, {gib})); import asrquant.cli;"
        f"sys.exit(asrquant.cli.main(['modules', '--model', {str(tmp_path / 'm.nemo')!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2 and "unpacks to more" in ran.stderr
