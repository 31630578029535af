"""A server that commits each batch of a search index, and makes small ones, so that a kill finds builds half committed.

``python -m tests.crash.searching_child DOCSTORE ARGUMENT...``, the arguments as for ``docstore``.
"""

import sys

from docstore.cli.main import main
from docstore.database.reading import index_feed
from docstore.query.search import index
from docstore.settings import KIB

if __name__ == "__main__":
    index.COMMIT_AFTER = 0.0  # type: ignore[misc]
    index_feed.BATCH_BYTES = 16 * KIB  # type: ignore[misc]
    main(sys.argv[2:])
