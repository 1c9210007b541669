"""SpeechBrain's ``EncoderASR``: the embedded model, local folders, and Hub models."""
