"""``ciao gateway``: a Jupyter server that has kernels and nothing else, for a JupyterLab somewhere else."""
