"""Opening the database that a command works on: which of the ways there are is taken for which TARGET.

Owns that choice. What an open database can be asked stands in ``targets``, ``inspection`` and ``resolving``; each way
is imported only when such a database is opened, since most commands need one of them at the most.
"""

from contextlib import AbstractAsyncContextManager

from docstore.cli.targets.inspection import Inspection
from docstore.cli.targets.places import NameTarget, Target, UrlTarget
from docstore.cli.targets.resolving import Resolving


def open_target(where: UrlTarget | NameTarget) -> AbstractAsyncContextManager[Target]:
    """The database, to write to; made if it is missing. Raises click.ClickException when a server has the folder."""
    if isinstance(where, UrlTarget):
        from docstore.cli.targets.url_target import open_url_target

        return open_url_target(where)
    from docstore.cli.targets.name_target import open_name_target

    return open_name_target(where)


def open_inspection(where: UrlTarget | NameTarget) -> AbstractAsyncContextManager[Inspection]:
    """The database, to look at. Raises click.ClickException if it is not there or cannot be reached."""
    if isinstance(where, UrlTarget):
        from docstore.cli.targets.url_inspection import open_url_inspection

        return open_url_inspection(where)
    from docstore.cli.targets.name_inspection import open_name_inspection

    return open_name_inspection(where)


def open_resolving(where: UrlTarget | NameTarget) -> AbstractAsyncContextManager[Resolving]:
    """The database, to resolve its conflicts. Raises click.ClickException as ``open_inspection``."""
    if isinstance(where, UrlTarget):
        from docstore.cli.targets.url_resolving import open_url_resolving

        return open_url_resolving(where)
    from docstore.cli.targets.name_resolving import open_name_resolving

    return open_name_resolving(where)
