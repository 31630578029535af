"""The command line: one file per command. The only reader of arguments and environment."""
