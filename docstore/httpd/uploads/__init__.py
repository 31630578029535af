"""Resumable uploads over HTTP: tus and the IETF draft."""
