"""Hugging Face's CTC models with their processor."""
