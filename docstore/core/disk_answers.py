"""What a disk answers that has written nothing, and may take the same later.

Owns these numbers of the system. It must not know who writes: the store and the files of indexes do, and what a worker
loads for a search has nothing of the store.
"""

import errno
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSES: Final = NO_ROOM | {errno.EROFS}

READ_ONLY: Final = "The disk is read-only."

OUT_OF_HANDLES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The system has no more files or memory for this process, which says nothing of what could not be opened."""
