"""Take a version of ONNX Runtime Web from npm's package into the repository, for the format `web` and the tab "On your device".

python examples/web_runtime.py 1.30.0

Twice three files of the package, all of one version: the library, the code that Emscripten wrote around the WebAssembly, and the
WebAssembly itself, compressed; the second time those that can ask the browser's WebGPU, by JSPI.

Beside them go the licence and the notices, which the package of npm does not have and the one of Python does, and
`manifest.json` with every length and sha256. Needs npm, and onnxruntime. After it: the tests of
`tests/engines/test_web_runtime.py`, `tests/export/test_web.py` and `tests/ui/test_page_device.py`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "asrquant" / "engines" / "onnxruntime" / "web" / "ort"
PACKAGE = "onnxruntime-web"
# Static hosts know what .js is; of .mjs some say that it is no script.
FILES = {
    "ort.wasm.min.js": "package/dist/ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.js": "package/dist/ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm.gz": "package/dist/ort-wasm-simd-threaded.wasm",
    "ort.jspi.min.js": "package/dist/ort.jspi.min.mjs",
    "ort-wasm-simd-threaded.jspi.js": "package/dist/ort-wasm-simd-threaded.jspi.mjs",
    "ort-wasm-simd-threaded.jspi.wasm.gz": "package/dist/ort-wasm-simd-threaded.jspi.wasm",
}
MOST_BYTES = 10_000_000
"""Of a file, without git-lfs, on a Space."""


def pulled(version: str, folder: Path) -> dict[str, bytes]:
    """The package's files by the names that they have here; npm checks that the package is what the registry says."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{PACKAGE}@{version}"], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        about = json.load(archive.extractfile("package/package.json"))
        if about["version"] != version or about["license"] != "MIT":
            sys.exit(f"npm sent {PACKAGE} {about['version']} with the licence {about['license']}")
        return {name: archive.extractfile(inside).read() for name, inside in FILES.items()}


def notices() -> dict[str, bytes]:
    """The licence, and the notices of what is built in, from the package of Python."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        sys.exit("the licence comes from the package onnxruntime, which is not installed")
    package = Path(spec.origin).parent
    return {
        "LICENSE": (package / "LICENSE").read_bytes(),
        "ThirdPartyNotices.txt.gz": (package / "ThirdPartyNotices.txt").read_bytes(),
    }


def written(name: str, contents: bytes, source: str) -> dict[str, object]:
    """Write a file, compressed where its name says so, and say what it is."""
    kept = gzip.compress(contents, compresslevel=9, mtime=0) if name.endswith(".gz") else contents
    if len(kept) > MOST_BYTES:
        sys.exit(f"{name} has {len(kept):,} bytes; a Space takes {MOST_BYTES:,}")
    (TARGET / name).write_bytes(kept)
    entry: dict[str, object] = {"from": source, "bytes": len(kept), "sha256": hashlib.sha256(kept).hexdigest()}
    if kept is not contents:
        entry |= {"unpacked_bytes": len(contents), "unpacked_sha256": hashlib.sha256(contents).hexdigest()}
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="of the package onnxruntime-web")
    version = parser.parse_args().version
    with tempfile.TemporaryDirectory() as folder:
        files = pulled(version, Path(folder))
    TARGET.mkdir(parents=True, exist_ok=True)
    entries = {name: written(name, contents, FILES[name].removeprefix("package/")) for name, contents in files.items()}
    python = f"the Python package onnxruntime {importlib.metadata.version('onnxruntime')}"
    entries |= {name: written(name, contents, python) for name, contents in notices().items()}
    manifest = {"package": PACKAGE, "version": version, "licence": "MIT", "files": entries}
    (TARGET / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for name, entry in entries.items():
        print(f"{name}: {entry['bytes']:,} bytes")


if __name__ == "__main__":
    main()
