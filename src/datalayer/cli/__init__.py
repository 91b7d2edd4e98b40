"""The command ``datalayer``: a thin reader of arguments over the library."""
