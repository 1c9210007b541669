"""Layouts of data sets, a file each; ``asrquant.data.reading`` asks them in turn."""
