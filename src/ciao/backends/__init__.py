"""Backends: where the replicas of a job run."""
