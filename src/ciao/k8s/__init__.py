"""Kubernetes over HTTP: raw objects, watches that survive, logs without a gap. Knows nothing of jobs."""
