"""``python -m datalayer``: the command line."""

from datalayer.cli.entry import main

main()
