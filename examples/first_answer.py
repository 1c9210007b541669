"""How long a visitor waits for a large model: the first answer, the first one after a restart, and the worker's peak memory.

python examples/first_answer.py [--presets dynamic-int8 openvino-int8] [--folder build/first-answer]

A model of the shape of speechbrain/asr-wav2vec2-commonvoice-14-en (319 M parameters, random weights) is written once, as the
Hub's client lays it out in asrquant's cache, and pinned. Each answer is a process of its own, as a worker that was started again
is: the clock runs from its start to the comparison of a clip of five seconds. The files are on the disk (and were read
before, so that the system may have them in memory); for the first answer nothing is built. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from asrquant.audio.clip import SAMPLE_RATE  # noqa: E402
from asrquant.base.files import describe, tree_bytes  # noqa: E402
from asrquant.base.tables import markdown  # noqa: E402
from asrquant.measure.compare import this_machine  # noqa: E402
from asrquant.sources import hub, pins  # noqa: E402

MODEL, BASE = "speechbrain/asr-wav2vec2-commonvoice-14-en", "facebook/wav2vec2-large-lv60"
PRESETS = ("dynamic-int8", "mixed-int8", "openvino-int8")
COMMIT = "0" * 40
SECONDS = 5
PIECES = 1_000
WORDS = "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE TEN HUNDRED THOUSAND MONDAY TUESDAY FRIDAY MARCH APRIL JUNE"
LOADABLES = "        wav2vec2: !ref <wav2vec2>\n        asr: !ref <asr_model>\n"


def snapshot(cache: Path, hub_id: str) -> Path:
    """Where asrquant looks for a repository, the base as a part of the model."""
    os.environ["ASRQUANT_CACHE"] = str(cache)
    return hub.folder_of(hub_id, COMMIT, MODEL)


def write_model(cache: Path) -> None:
    """The model and its base, once, and the list of pins."""
    model, base = snapshot(cache, MODEL), snapshot(cache, BASE)
    if (cache / "pins.json").is_file():
        return
    from asrquant.base.torchaudio_stand_in import ensure_torchaudio

    ensure_torchaudio()
    from benchmark_peers.shapes import YAML
    from hyperpyyaml import load_hyperpyyaml
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    for folder in (model, base):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    torch.manual_seed(5)
    config = Wav2Vec2Config(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, feat_extract_norm="layer",
        do_stable_layer_norm=True, conv_bias=True, hidden_dropout=0.0, layerdrop=0.0,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(base)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(base)
    yaml = YAML.format(hub=base, outputs=PIECES).replace("    loadables:\n", "    loadables:\n" + LOADABLES)
    yaml = yaml.replace("speechbrain.dataio.encoder.CTCTextEncoder", "sentencepiece.SentencePieceProcessor")
    parts = load_hyperpyyaml(yaml)
    torch.save(parts["wav2vec2"].state_dict(), model / "wav2vec2.ckpt")
    torch.save(parts["asr_model"].state_dict(), model / "asr.ckpt")
    (base / "model.safetensors").unlink()  # of a base only the configuration is fetched
    write_tokenizer(model)
    (model / "hyperparams.yaml").write_text(yaml.replace(str(base), BASE), encoding="utf-8")
    repositories = {
        name: {"revision": COMMIT, "files": {path.name: vars(describe(path)) for path in folder.iterdir()}}
        for name, folder in ((MODEL, model), (BASE, base))
    }
    (cache / "pins.json").write_text(json.dumps({MODEL: repositories}), encoding="utf-8")


def write_tokenizer(folder: Path) -> None:
    """SentencePiece with as many pieces as the model has outputs; the words are of no matter."""
    import sentencepiece

    texts = folder / "texts.txt"
    pairs = [f"{first}{second}" for first in WORDS.split() for second in WORDS.split()]
    texts.write_text("\n".join(pairs * 3), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "sp"), vocab_size=PIECES, model_type="bpe", bos_id=-1, eos_id=-1,
        hard_vocab_limit=False, minloglevel=2, user_defined_symbols=[f"<{index}>" for index in range(PIECES - 200)],
    )  # fmt: skip
    (folder / "sp.model").rename(folder / "tokenizer.ckpt")
    (folder / "sp.vocab").unlink()
    texts.unlink()


def answer(preset: str, begun: float) -> None:
    """What a worker does that was just started: load, build or read again, compare; prints a line of JSON."""
    from asrquant import PRESETS, example_clips
    from asrquant.base.settings import settings
    from asrquant.jobs import compare, models
    from asrquant.jobs.request import Work
    from asrquant.jobs.threads import set_threads

    pins.PINS = settings().cache / "pins.json"
    models.MODELS = (MODEL,)
    set_threads()
    own = [0]
    threading.Thread(target=watch, args=[own], daemon=True).start()
    steps = [Step("starting", 0.0, 0.0)]

    def progress(stage: str, done: int, total: int) -> None:
        name = stage.partition(", about ")[0]
        if name != steps[-1].name:
            steps.append(Step(name, time.time() - begun, time.process_time()))

    speech = np.concatenate([clip.audio().samples for clip in example_clips()])[: SECONDS * SAMPLE_RATE]
    clip = settings().cache / "clip.wav"
    soundfile.write(clip, speech, SAMPLE_RATE)
    request = compare.CompareRequest(clip=clip, preset=PRESETS[preset], model=MODEL, decoder="greedy", runs=1)
    request.run(Work(models.Models(), progress, lambda value: None))
    took = time.time() - begun
    steps.append(Step("", took, time.process_time()))
    spent = [f"{a.name} {b.wall - a.wall:.1f} ({b.work - a.work:.1f})" for a, b in pairwise(steps)]
    print(json.dumps({"seconds": took, "peak": status("VmHWM"), "own": own[0], "steps": ", ".join(spent)}))


@dataclass(frozen=True)
class Step:
    """What a worker is at, and when it began: seconds since its start, and seconds of processor time."""

    name: str
    wall: float
    work: float


def status(line: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(found.split()[1]) * 1024 for found in lines if found.startswith(line))


def watch(own: list[int]) -> None:
    """The most memory of the process's own: without files that are mapped, which the system can take back."""
    while True:
        own[0] = max(own[0], status("RssAnon"))
        time.sleep(0.1)


def asked(preset: str, cache: Path) -> dict:
    command = [sys.executable, __file__, "--answer", preset, "--begun", str(time.time())]
    environment = {**os.environ, "ASRQUANT_CACHE": str(cache)}
    printed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--folder", type=Path, default=Path("build") / "first-answer")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.answer:
        answer(given.answer, given.begun)
        return
    cache = given.folder.resolve()
    write_model(cache)
    rows, steps = [], []
    load = os.getloadavg()[0]
    for preset in given.presets:
        shutil.rmtree(cache / "built", ignore_errors=True)
        for when in ("first", "after a restart"):
            said = asked(preset, cache)
            rows.append(
                {
                    "preset": preset,
                    "answer": when,
                    "seconds": f"{said['seconds']:.1f}",
                    "peak memory (GB)": f"{said['peak'] / 1e9:.2f}",
                    "without mapped files (GB)": f"{said['own'] / 1e9:.2f}",
                    "kept on disk (GB)": f"{tree_bytes(cache / 'built') / 1e9:.2f}",
                }
            )
            steps.append(f"- `{preset}`, {when}: {said['steps']}")
            print(steps[-1], rows[-1], sep="\n", file=sys.stderr)
    print(markdown(pd.DataFrame(rows)))
    print("\nSeconds of each step, and of processor time in brackets:\n\n" + "\n".join(steps))
    machine = this_machine("")
    print(f"\n{machine}; load of the machine before: {load:.1f} of {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
