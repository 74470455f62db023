"""The pictures: each draws one frame of an analysis, and says in words what it shows.

A file a question, with `plot_<question>` and `describe_<question>`; what all of them
share is in `style`. matplotlib is loaded when the first one is drawn, and pyplot never:
no global state, no window.

Nothing here counts or judges: a picture shows the figures of its frame.
"""
