"""Find out how sure an embedded model may be of its words, and write it down where ``load`` finds it.

PYTHONPATH=. python examples/calibrate_confidence.py [--model an4] [--report FOLDER]

The curve from the mean probability of the chosen labels to the share of right words is fitted on examples/clips/validation: clips
of speakers whom the models have not heard in training. Doubtful is what is less sure than the middle between most of
these and most strange inputs: sentences in other languages and of words that the model does not know (espeak-ng, which has to be
installed), tones, music and noise by synthesis.

Prints the expected calibration error (ECE: C. Guo et al., "On calibration of modern neural networks", 2017), each speaker judged
by a curve that has not seen that speaker; and how many of these clips, of twenty inputs like the strange ones (other tunes and
noises, Chinese) and, with --report, of a folder's in LibriSpeech's layout are doubtful. Nothing is chosen by the last two.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

import asrquant
from asrquant.audio.clip import SAMPLE_RATE, Audio, from_samples, read_audio
from asrquant.base import terminal
from asrquant.data.reading import read_dataset
from asrquant.model.recognizer import Recognizer
from asrquant.sources.confidence import calibration_file, fingerprint
from asrquant.sources.loading import EMBEDDED
from asrquant.text.confidence import Calibration, label_probability, logit
from asrquant.text.metrics import word_errors

VALIDATION = Path(__file__).parent / "clips" / "validation"
KNOWS = "spelled letters, numbers, dates and a few commands"
CAUGHT, TAIL = 0.95, 0.03
"""Share of the strange inputs that lie below one end, and of the validation clips below the other; the middle parts the two."""
STRANGE = {
    "de": ("Wie komme ich zum Bahnhof?", "Das Wetter ist heute schön.", "Ich hätte gern einen Kaffee."),
    "fr": ("Où est la bibliothèque?", "Il fait très froid ce matin.", "Je voudrais un verre d'eau."),
    "es": ("¿Dónde está la estación?", "Mañana vamos a la playa.", "Me gusta mucho esta canción."),
    "ru": ("Где находится вокзал?", "Сегодня хорошая погода.", "Я люблю читать книги."),
    "en-us": ("Where is the nearest station?", "The weather is lovely today.", "Could you bring me some water please?"),
}
"""What espeak-ng says where the share is looked for under which a clip is doubtful; other voices and words than are counted."""
CHINESE = (
    "今天天气很好",
    "我们去公园吧",
    "请问火车站在哪里",
    "我喜欢吃苹果",
    "明天早上八点开会",
    "他在图书馆看书",
    "这本书很有意思",
    "谢谢你的帮助",
)
Wave = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """One clip: its speaker, the logit of the mean probability (None: all blank), and how many of its words are right."""

    speaker: str
    logit: float | None
    right: int
    words: int


def hear(recognizer: Recognizer, folder: Path) -> list[Heard]:
    """What the model makes of the clips of a folder in LibriSpeech's layout."""
    found = []
    for each in read_dataset(folder).utterances:
        log_probs = recognizer.log_probs(each.audio())
        words = len(each.reference.split())
        wrong = min(word_errors(each.reference, recognizer.decoder(log_probs)).errors, words)
        mean = label_probability(log_probs, recognizer.vocabulary.blank_index)
        found.append(Heard(each.id.split("-")[0], None if mean is None else logit(mean), words - wrong, words))
    return found


def fit(heard: list[Heard]) -> tuple[float, float]:
    """Slope and intercept of the curve with the highest likelihood, every word counting alike."""
    known = [each for each in heard if each.logit is not None]
    x = np.array([each.logit for each in known])
    right, words = np.array([each.right for each in known]), np.array([each.words for each in known])

    def loss(at: npt.NDArray[np.float64]) -> float:
        z = at[0] * x + at[1]
        return float(np.sum(words * np.logaddexp(0, z) - right * z) + 0.5 * at[0] ** 2)

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(intercept)


def shares(heard: list[Heard], slope: float, intercept: float) -> npt.NDArray[np.float64]:
    """The calibrated share of each clip; 0 where nothing was heard."""
    return np.array([0 if h.logit is None else 1 / (1 + np.exp(-(slope * h.logit + intercept))) for h in heard])


def calibration_error(heard: list[Heard], sure: npt.NDArray[np.float64]) -> float:
    """ECE over ten bins of equal width, words counting alike."""
    words, right = np.array([h.words for h in heard]), np.array([h.right for h in heard])
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs(np.sum((sure * words - right)[bins == each])) for each in range(10)]
    return float(sum(gaps) / words.sum())


def unseen(heard: list[Heard]) -> npt.NDArray[np.float64]:
    """The share of each clip by a curve that was fitted without its speaker."""
    sure = np.zeros(len(heard))
    for speaker in {each.speaker for each in heard}:
        mine = np.array([each.speaker == speaker for each in heard])
        curve = fit([each for each in heard if each.speaker != speaker])
        sure[mine] = shares([each for each in heard if each.speaker == speaker], *curve)
    return sure


def foreign() -> Iterator[tuple[str, Audio]]:
    """Inputs that no model here was made for, to count: twenty."""
    yield from made(seed=0)
    yield from spoken({"cmn": CHINESE})


def made(seed: int) -> Iterator[tuple[str, Audio]]:
    """Twelve by synthesis: tones, a sweep, noise, music."""
    rng, time = np.random.default_rng(seed), np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE

    def audio(wave: npt.NDArray[np.float64]) -> Audio:
        return from_samples((0.3 * wave / np.abs(wave).max()).astype(np.float32), SAMPLE_RATE)

    for hertz in (220, 440, 1000):
        yield f"tone {hertz} Hz", audio(np.sin(2 * np.pi * hertz * 1.1**seed * time))
    yield "sweep", audio(np.sin(2 * np.pi * (200 + 300 * time / (1 + seed)) * time))
    for slope in (0.0, 0.5, 1.0):
        spectrum = np.fft.rfft(rng.standard_normal(len(time)))
        coloured = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** slope)
        yield f"noise 1/f^{2 * slope:g}", audio(coloured)
    for number in range(1, 6):
        steps = rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 10)
        notes = [_note(261.63 * 2 ** (step / 12), rng.choice([0.2, 0.3, 0.5])) for step in steps]
        yield f"music {number}", audio(np.concatenate(notes))


def spoken(texts: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Audio]]:
    """Sentences by voices of espeak-ng."""
    if not shutil.which("espeak-ng"):
        raise SystemExit("espeak-ng is not on this machine; apt-get install espeak-ng")
    with tempfile.TemporaryDirectory() as folder:
        for voice, sentences in texts.items():
            for number, text in enumerate(sentences, 1):
                path = Path(folder) / "clip.wav"
                subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True)
                yield f"{voice} {number}", read_audio(path)


def _heard(recognizer: Recognizer, audio: Audio) -> Heard:
    mean = label_probability(recognizer.log_probs(audio), recognizer.vocabulary.blank_index)
    return Heard("", None if mean is None else logit(mean), 0, 0)


def _note(hertz: float, seconds: float) -> npt.NDArray[np.float64]:
    """A plucked string: four partials that die away."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.sum([np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 5)], axis=0) * np.exp(-3 * time)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=EMBEDDED, default="an4")
    parser.add_argument("--report", type=Path, help="a folder in LibriSpeech's layout to report on")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    recognizer = asrquant.load(given.model)
    heard = hear(recognizer, VALIDATION)
    slope, intercept = fit(heard)
    sure = shares(heard, slope, intercept)
    strange = shares([_heard(recognizer, audio) for _, audio in [*spoken(STRANGE), *made(seed=1)]], slope, intercept)
    found = Calibration(round(slope, 4), round(intercept, 4), round(_middle(strange, sure), 4), KNOWS)
    print(f"{found}\nECE on {len(heard)} validation clips: {calibration_error(heard, sure):.3f}, ", end="")
    print(
        f"each speaker by a curve without it {calibration_error(heard, unseen(heard)):.3f}; doubtful {_doubtful(sure, found)}"
    )
    if given.report:
        others = hear(recognizer, given.report)
        theirs = shares(others, found.slope, found.intercept)
        print(f"{given.report.name}: ECE {calibration_error(others, theirs):.3f}, doubtful {_doubtful(theirs, found)}")
    flagged = []
    for name, audio in foreign():
        log_probs = recognizer.log_probs(audio)
        answer = found.confidence(log_probs, recognizer.vocabulary.blank_index)
        flagged.append(answer is None or answer.doubtful)
        said = f"{answer.share:.2f}{' doubtful' if answer.doubtful else ''}" if answer else "nothing heard"
        print(f"  {name}: {said}, {recognizer.decoder(log_probs)!r}")
    print(f"other inputs: {sum(flagged)} of {len(flagged)} doubtful or nothing heard")
    if not given.dry:
        written = {**asdict(found), "weights": fingerprint(EMBEDDED[given.model])}
        calibration_file(given.model).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _middle(strange: npt.NDArray[np.float64], sure: npt.NDArray[np.float64]) -> float:
    """The share that parts strange inputs from clips of the model's kind."""
    return float((np.quantile(strange, CAUGHT) + np.quantile(sure, TAIL)) / 2)


def _doubtful(sure: npt.NDArray[np.float64], found: Calibration) -> str:
    return f"{int((sure < found.doubt).sum())} of {len(sure)}"


if __name__ == "__main__":
    terminal.prepare()
    main()
