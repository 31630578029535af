"""``python -m docstore``: the command line."""

from docstore.cli.main import main

main()
