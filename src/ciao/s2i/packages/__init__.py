"""The packages that a cell asks for: found, resolved against what the base image has, installed, kept."""
