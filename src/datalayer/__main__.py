"""``python -m datalayer``: the command line."""

from datalayer.cli.app import main

main()
