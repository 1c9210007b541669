"""Launches the page; the entry of the Hugging Face Space."""

from asrquant.ui import launch

if __name__ == "__main__":
    launch()
