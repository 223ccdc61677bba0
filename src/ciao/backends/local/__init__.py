"""The local backend: replicas are processes of this machine."""
