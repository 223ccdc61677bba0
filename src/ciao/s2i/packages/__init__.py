"""The packages that a cell asks for: resolved for its base image, and kept as a layer."""
