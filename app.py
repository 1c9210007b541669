"""Launches the page; the entry of the Hugging Face Space."""

if __name__ == "__main__":
    # Imported here, as the worker process runs this file as well, and needs no gradio.
    from asrquant.ui import launch

    launch()
