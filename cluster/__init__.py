"""A real Kubernetes with Kubeflow on one bare Linux machine, for tests and development. See docs/cluster.md."""
