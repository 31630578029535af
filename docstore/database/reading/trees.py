"""Reading the revision tree of a document, as it is shown.

Owns what of the store is looked at. It must not know how a tree is shown: that is ``core/drawing/tree_view.py`` and the
modules that draw it.
"""

from docstore.core.drawing.tree_view import TreeView
from docstore.database.database import Database
from docstore.errors import NotFound
from docstore.storage.databases import get_state
from docstore.storage.documents.documents import bodies_present, get_record, get_tree
from docstore.storage.documents.stamps import unpack_stamps
from docstore.storage.keys import merge_base


def read_tree(database: Database, doc_id: str) -> TreeView:
    """The tree of a document, deleted or not, and which bodies are there. It may be large; any thread will do.

    Raises NotFound, DatabaseNotFound.
    """
    number = database.number
    with database.environment.snapshot() as snapshot:
        record = get_record(snapshot, number, doc_id)
        if record is None:
            get_state(snapshot, number)
            raise NotFound
        tree = get_tree(snapshot, number, record)
        seqs = {node.seq for node in tree.nodes.values() if node.seq}
        stored = bodies_present(snapshot, number, seqs)
        kept = bodies_present(snapshot, number, {merge_base(seq) for seq in seqs - stored})
    for_merging = {seq for seq in seqs if merge_base(seq) in kept}
    return TreeView(doc_id, tree, stored, for_merging, unpack_stamps(record.stamps()))
