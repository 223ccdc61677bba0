"""The language of a cell: magics and code, to a spec. Pure."""
