"""Files, folders and modules of this machine that go along with a cell: ``%include=src/ mylib data.csv``."""
