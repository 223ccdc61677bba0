"""Strategies that run a builder of this machine."""
