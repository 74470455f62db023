"""The notebook layer: magics and panel. Only here IPython and ipywidgets are known."""
