"""Sound file → ``Audio``: mono, 16 kHz, float32. Every rejection of a file lives here."""

from asrquant.audio.clip import Audio, from_samples, read_audio
from asrquant.audio.piece import Piece
from asrquant.audio.recording import Recording, open_audio

__all__ = ["Audio", "Piece", "Recording", "from_samples", "open_audio", "read_audio"]
