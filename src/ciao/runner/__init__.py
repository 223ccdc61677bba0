"""The small program that runs the cell inside each replica. Standard library, Python 3.8 and later."""
