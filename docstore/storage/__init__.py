"""LMDB and bytes: every table, key and record. Knows the core alone.

``keys``, ``records``, ``tree_runs``, ``rows``   the bytes of keys and values (docs/storage_format.md)
``tables``, ``transactions``                     the open tables, and the two transactions over them
``environment``, ``writer`` and their helpers    the data folder, snapshots, group commit
``databases``      names, counters, properties
``documents``      read records, bodies and trees; write a batch of ``document_change``
``scans``          documents by id and by sequence; ``counted`` saves counting them
``long_ids``       keys for ids longer than a key may be
``local``, ``purges``                            ``_local`` documents; the log of purges
``compaction``, ``offline_compaction``           drop superseded bodies, sweep deleted databases; the file copy
``check``          every invariant of the above
"""
