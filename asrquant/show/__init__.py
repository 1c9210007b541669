"""What was measured → charts, tables, files, text for the terminal."""

from asrquant.show.comparison import accuracy_figure, comparison_table, speed_figure
from asrquant.show.report import report_table, tradeoff_figure
from asrquant.show.report_files import write_report
from asrquant.show.text import comparison_text

__all__ = [
    "accuracy_figure",
    "comparison_table",
    "comparison_text",
    "report_table",
    "speed_figure",
    "tradeoff_figure",
    "write_report",
]
