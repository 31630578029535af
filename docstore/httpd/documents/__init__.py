"""Endpoints about documents and their attachments, one by one or many at once."""
