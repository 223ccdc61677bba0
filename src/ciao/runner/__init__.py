"""The small program that runs the cell inside each replica.

Standard library only, Python 3.8 and later, relative imports only: the folder is copied as it is, under the name
``ciao_runner``, next to the cell's file. Two parts, one process each::

    python DIR/ciao_runner/__main__.py cell DIR/cell_7.py     the cell's process (cell.py)
    python DIR/ciao_runner/__main__.py init DIR/cell_7.py     process 1 of a pod, which starts the former (init.py)

A program after the file's name starts the cell's processes in its turn, as mpirun and torchrun do::

    python DIR/ciao_runner/__main__.py init DIR/cell_7.py mpirun -n 4

A third part is started beside them, to ask them where they stand (stacks.py)::

    python DIR/ciao_runner/__main__.py stacks DIR/cell_7.py

``python DIR/ciao_runner cell ...`` does the same, but Python then loads ``runpy`` first, which costs 5 to 10 ms.

What a replica has to say besides its output is a *record*: one JSON object on one line of ASCII, at most
``MAX_RECORD`` bytes, which says its format in ``v`` and what it is in ``type``. A reader ignores types and keys
that it does not know, and trusts nothing in it. record.py describes the fields.

The cell's process writes records to the file descriptor in ``CIAO_RECORD_FD``, or to the named pipe in ``CIAO_RECORDS``
that it shares with others. Without one, and always in the log of
a pod, a record is a *framed line* of standard output: ``FRAME``, the JSON, a newline.
"""

FORMAT = 1
FRAME = "\x1eciao/1 "
RECORD_FD = "CIAO_RECORD_FD"
RECORDS = "CIAO_RECORDS"
MAX_RECORD = 256 * 1024

STACKS = "ciao-stacks"
STACKS_SIGNAL = 47  # real-time signals in the middle of them: no library is known to use them
STACKS_ANYHOW = 48
