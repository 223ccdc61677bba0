"""A cell of ours in a notebook or terminal IPython: recognised, run, drawn, interrupted."""
