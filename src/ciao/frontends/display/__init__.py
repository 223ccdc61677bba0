"""Values as people read them: the stream and status of a cell, tables, errors. Knows no Jupyter."""
