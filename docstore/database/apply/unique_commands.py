"""What the commands about unique indexes do inside the write transaction.

Owns the step from such a command to ``storage/documents/unique_building.py``. It must not know who waits for an index.
"""

from typing import Final

from docstore.database.apply.unique import BeginUnique, BuildUnique, GiveUpUnique, MendUnique, RenewUnique, SweepUnique
from docstore.errors import BadRequest
from docstore.settings import MAX_UNIQUE_INDEXES
from docstore.storage.databases import get_state, put_state
from docstore.storage.documents import unique_building, unique_definitions, unique_rows
from docstore.storage.documents.unique_building import BuildStep
from docstore.storage.documents.unique_rows import UniqueState
from docstore.storage.engine.transactions import GroupTransaction

STEP_WORK: Final = 500
"""What a step of a build or of a removal counts among the work of a group (``edit_work.py``): about 3 ms."""


def begin(txn: GroupTransaction, command: BeginUnique) -> int:
    """Enter an index, or find it; its number. Raises DatabaseNotFound, BadRequest if there are too many."""
    number = command.database
    state = get_state(txn, number)
    begun = unique_definitions.begin(txn, number, state, command.ddoc, command.name, command.definition)
    if begun is None:
        raise BadRequest(f"A database has at most {MAX_UNIQUE_INDEXES} unique indexes.")
    put_state(txn, number, state)
    txn.unique_work.add(number)
    return begun.number


def build(txn: GroupTransaction, command: BuildUnique) -> BuildStep:
    """One step. Raises DatabaseNotFound."""
    txn.tree_work += STEP_WORK
    step = unique_building.build(txn, command.database, command.index, command.version)
    if step.state is UniqueState.GOING:
        txn.unique_work.add(command.database)
    return step


def give_up(txn: GroupTransaction, command: GiveUpUnique) -> None:
    """Let go of an index that is provisional. Raises DatabaseNotFound."""
    state = get_state(txn, command.database)
    index = unique_rows.find_index(txn, command.database, command.index)
    if index is not None and index.provisional and index.state is not UniqueState.GOING:
        unique_rows.end_index(txn, command.database, state, index)
        put_state(txn, command.database, state)
        txn.unique_work.add(command.database)


def sweep(txn: GroupTransaction, command: SweepUnique) -> bool:
    """One step; True when nothing is left. Raises DatabaseNotFound."""
    txn.tree_work += STEP_WORK
    return unique_building.sweep(txn, command.database, command.index)


def renew(txn: GroupTransaction, command: RenewUnique) -> None:
    """Begin anew. Raises DatabaseNotFound."""
    unique_building.renew(txn, command.database, command.index)
    txn.unique_work.add(command.database)


def mend(txn: GroupTransaction, command: MendUnique) -> None:
    """Begin all anew that were not kept. Raises DatabaseNotFound."""
    state = get_state(txn, command.database)
    if unique_definitions.mend(txn, command.database, state):
        put_state(txn, command.database, state)
        txn.unique_work.add(command.database)
