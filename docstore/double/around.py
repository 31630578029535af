"""What can stand around a server: something that answers requests by another that does.

Owns the two types, for those that make such things and those that put them in place; it must not know either.
"""

from collections.abc import Callable

from docstore.httpd.dispatch import Dispatcher
from docstore.httpd.listener import Handle

Around = Callable[[Handle, Dispatcher], Handle]
"""Makes of what answers so far, and of the server's dispatcher, what answers in its place."""
