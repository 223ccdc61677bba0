"""Jobs on Kubernetes, carried out by Kubeflow's operators."""
