"""What the page computes, in a process of its own: a line of jobs, the worker that does them, and one file for each tab's.

Nothing here knows how the page looks, so the worker starts without gradio.
"""
