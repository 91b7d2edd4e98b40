"""Small programs, one for each library: importing one imports what an application would, and nothing else.

Each has ``first_row(dsn)``, which connects and reads a row, and ``read_all(dsn, table, use)``, which hands every row of
a table to ``use`` in bounded memory of its own.
"""
