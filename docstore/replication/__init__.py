"""Replication: between docstore, CouchDB, PouchDB and Cloudant. Speaks only ``Peer``."""
