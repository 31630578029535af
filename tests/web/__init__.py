"""The modules of the web page that need no browser, run by node."""
