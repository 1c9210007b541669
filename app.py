"""Launches the page; the entry of the Hugging Face Space."""

if __name__ == "__main__":
    # Imported here, as the worker process runs this file as well, and needs no gradio.
    import sys

    from asrquant.base.account import ensure_temporary_folder
    from asrquant.base.errors import AsrQuantError
    from asrquant.base.settings import settings

    try:
        settings()  # one that cannot be used is said at once
        ensure_temporary_folder()  # which gradio asks for when it is imported
        from asrquant.ui.page import launch

        launch()
    except (AsrQuantError, OSError) as error:
        sys.exit(f"asrquant: {error}")
