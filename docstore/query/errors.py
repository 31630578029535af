"""What can go wrong with design documents and the functions in them.

    DocstoreError
      BadRequest                       400
        InvalidDesignDoc                    invalid_design_doc
        CompilationFailed                   compilation_error
      Conflict                         409
        StateConflict                       conflict
      MethodRefused                    405  method_not_allowed
      NotFound                         404
        InvalidPath                         show_error, list_error, update_error, rewrite_error
      FunctionFailed                   500  as the function says
      TooMuchAtOnce                    500  too_much_at_once

Owns these classes. What a function throws by a word that has a status of its own (``not_found``) is the error of
``docstore.errors`` that has it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from docstore.errors import BadRequest, Conflict, DocstoreError, NotFound


class InvalidDesignDoc(BadRequest):
    """A design document in which something is not what it has to be."""

    error = "invalid_design_doc"


class CompilationFailed(BadRequest):
    """A function of a design document that is to be written does not compile."""

    error = "compilation_error"


@contextmanager
def compiling(kind: str, view: str | None) -> Iterator[None]:
    """Around the compilation of a view's function. Raises CompilationFailed; what is not there stays NotFound."""
    try:
        yield
    except NotFound:
        raise
    except DocstoreError as error:
        told = f"Compilation of the {kind} function in the '{view}' view failed: {error.reason}"
        raise CompilationFailed(told) from None


class FunctionFailed(DocstoreError):
    """A function of a design document threw, or took more than it may. Word and reason are its own, or CouchDB's."""


class MethodRefused(DocstoreError):
    """A function that is not for the request's method."""

    error = "method_not_allowed"


class StateConflict(Conflict):
    """A rule of the application: the document's state is not one that the edit may follow. ``details``: the rule's."""


class InvalidPath(NotFound):
    """A path below a design document that leads to no function."""

    error = "rewrite_error"
    default_reason = "Invalid path."


class TooMuchAtOnce(DocstoreError):
    """Documents that emit more than may be handed over at once (``batch``); there are several, so there is a way."""

    error = "too_much_at_once"
    default_reason = "These documents emit too much to be mapped at once."
