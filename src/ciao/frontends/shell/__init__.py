"""The command line's own ways: a job in the foreground, its streams, files as cells."""
