"""docstore: a revisioned JSON document database that speaks the CouchDB HTTP API.

Owns the version and nothing else, so that importing a part of docstore costs that part alone.
"""

__version__ = "0.1.0"
