"""Where cells come from and output goes. The only part that knows Jupyter."""
