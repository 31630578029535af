"""Endpoints about databases as a whole, replications and the server."""
