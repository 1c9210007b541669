"""ONNX Runtime Web in the repository: of one version, whole, small enough for a Space, with its licence."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import asrquant

FOLDER = Path(asrquant.__file__).parent / "engines" / "onnxruntime" / "web" / "ort"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def test_every_file_is_what_the_manifest_says() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"manifest.json", *MANIFEST["files"]}
    for name, entry in MANIFEST["files"].items():
        contents = (FOLDER / name).read_bytes()
        assert (len(contents), hashlib.sha256(contents).hexdigest()) == (entry["bytes"], entry["sha256"]), name
        assert len(contents) < 10_000_000, f"a Space does not take {name}"
        if name.endswith(".gz"):
            unpacked = gzip.decompress(contents)
            assert len(unpacked) == entry["unpacked_bytes"], name
            assert hashlib.sha256(unpacked).hexdigest() == entry["unpacked_sha256"], name


def test_library_and_webassembly_are_of_one_version() -> None:
    version = MANIFEST["version"]
    for library, wasm in {"ort.wasm.min.js": "", "ort.jspi.min.js": ".jspi"}.items():
        assert f"ONNX Runtime Web v{version}\n" in (FOLDER / library).read_text()
        assembly = gzip.decompress((FOLDER / f"ort-wasm-simd-threaded{wasm}.wasm.gz").read_bytes())
        assert assembly.startswith(b"\0asm") and version.encode() in assembly


def test_the_licence_is_there() -> None:
    assert MANIFEST["licence"] == "MIT" and "MIT License" in (FOLDER / "LICENSE").read_text()
    assert b"NOTICES" in gzip.decompress((FOLDER / "ThirdPartyNotices.txt.gz").read_bytes())[:500].upper()
