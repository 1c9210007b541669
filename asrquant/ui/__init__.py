"""The page: one file a tab, whose job is a file of ``jobs``. Only this room imports gradio."""

from asrquant.ui.page import build, launch

__all__ = ["build", "launch"]
