"""The decoders on one data set: WER, texts that equal SpeechBrain's searcher, seconds; as a Markdown table.

python examples/decoders.py --data AN4/eval [--rounds 3]

flashlight-text (pip install flashlight-text) is measured where it is installed: its search takes a lexicon, here the words of
the n-gram, and so cannot write a word that is not in it.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

import asrquant
from asrquant import Recognizer
from asrquant.base import terminal
from asrquant.base.tables import markdown
from asrquant.base.turns import in_turn
from asrquant.data.reading import read_clips
from asrquant.measure.compare import this_machine
from asrquant.text.decoders import DECODERS, make_decoder
from asrquant.text.metrics import total_errors, word_errors

Decode = Callable[[torch.Tensor], str]
REFERENCE = "ngram"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    recognizer = asrquant.load("an4")
    decoders: dict[str, Decode] = {name: make_decoder(name, recognizer.vocabulary) for name in DECODERS}
    if importlib.util.find_spec("flashlight"):
        decoders["flashlight-text, lexicon"] = flashlight(recognizer)
    utterances = read_clips(args.data)
    heard = [recognizer.log_probs(utterance.audio()) for utterance in utterances]
    audio = sum(utterance.audio().seconds for utterance in utterances)
    texts: dict[str, list[str]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    names = list(decoders)
    for turn in range(args.rounds):
        for name in in_turn(names, turn):
            begun = time.perf_counter()
            texts[name] = [decoders[name](found) for found in heard]
            seconds[name].append(time.perf_counter() - begun)
    rows = []
    for name in names:
        pairs = zip(utterances, texts[name], strict=True)
        errors = total_errors(word_errors(utterance.reference, text) for utterance, text in pairs)
        same = sum(a == b for a, b in zip(texts[name], texts[REFERENCE], strict=True))
        ratio = statistics.median(a / b for a, b in zip(seconds[REFERENCE], seconds[name], strict=True))
        rows.append(
            {
                "decoder": name,
                "WER (%)": f"{errors.wer:.1f}",
                f"texts as {REFERENCE}": f"{same}/{len(utterances)}",
                "RTF of the decoder": f"{statistics.median(seconds[name]) / audio:.5f}",
                f"faster than {REFERENCE}": f"{ratio:.1f} x",
            }
        )
    print(markdown(pd.DataFrame(rows)))
    print(
        f"\n{args.data.name}, {len(utterances)} clips, {audio:.0f} s of audio, {args.rounds} rounds in turns; {this_machine()}"
    )


def flashlight(recognizer: Recognizer) -> Decode:
    """flashlight-text's lexicon search with the model's settings; its scores of words are natural logarithms, as ours."""
    from flashlight.lib.text.decoder import CriterionType, LexiconDecoder, LexiconDecoderOptions, SmearingMode, Trie
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    vocabulary = recognizer.vocabulary
    search, labels = vocabulary.search, list(vocabulary.labels)
    words = [word for word in search["unigrams"] if all(letter in labels for letter in word)]
    dictionary = Dictionary([*words, "<unk>"])
    model = KenLM(str(vocabulary.ngram), dictionary)
    space, blank = labels.index(" "), vocabulary.blank_index
    trie = Trie(len(labels), space)
    start = model.start(False)
    for word in words:
        index = dictionary.get_index(word)
        _, score = model.score(start, index)
        trie.insert([*map(labels.index, word), space], index, score)
    trie.smear(SmearingMode.MAX)
    options = LexiconDecoderOptions(
        beam_size=search["beam_size"], beam_size_token=len(labels), beam_threshold=25.0,
        lm_weight=search["alpha"] * 2.302585, word_score=search["beta"], unk_score=float("-inf"), sil_score=0.0,
        log_add=True, criterion_type=CriterionType.CTC,
    )  # fmt: skip
    decoder = LexiconDecoder(options, trie, model, space, blank, dictionary.get_index("<unk>"), [], False)

    def decode(log_probs: torch.Tensor) -> str:
        frames = log_probs.contiguous()
        best = decoder.decode(frames.data_ptr(), *frames.shape)[0]
        return " ".join(dictionary.get_entry(index) for index in best.words if index >= 0)

    return decode


if __name__ == "__main__":
    terminal.prepare()
    main()
