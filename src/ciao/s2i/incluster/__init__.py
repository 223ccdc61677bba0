"""Strategies that build in the cluster, as a Job."""
