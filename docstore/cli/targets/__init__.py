"""The databases that commands work on, wherever they are: behind a URL or in a data folder."""
