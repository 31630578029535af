"""How commands that reach other servers are told about credentials and certificates.

Owns the options; what they come to are the ``auth`` object of ``_replicate`` and ``replication.remote.options``.
"""

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from docstore.core.json_text import JsonValue
from docstore.replication.remote.options import TlsOptions

SHAPES: Final = """{"basic":{"username","password"}}, {"bearer":{"token"}} or {"iam":{"api_key"}}"""
MEMBERS: Final = {"basic": ("username", "password"), "bearer": ("token",), "iam": ("api_key",)}


def tls_options(command: Callable[..., int]) -> Callable[..., int]:
    """``--insecure``, ``--ca-file``, ``--certificate``, ``--key`` as one argument ``tls``."""

    @wraps(command)
    def with_tls(
        *arguments: Any,
        insecure: bool,
        ca_file: Path | None,
        certificate: Path | None,
        certificate_key: Path | None,
        **options: Any,
    ) -> int:
        tls = TlsOptions(not insecure, ca_file, certificate, certificate_key)
        try:
            tls.context()
        except OSError as error:
            raise click.UsageError(f"TLS: {error}") from None
        return command(*arguments, tls=tls, **options)

    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--certificate-key", type=file, metavar="FILE", help="Its private key, if it is in another file."),
        click.option("--certificate", type=file, metavar="FILE", help="This client's certificate."),
        click.option("--ca-file", type=file, metavar="FILE", help="Certificates to trust instead of the system's."),
        click.option("--insecure", is_flag=True, help="Do not check the servers' certificates."),
    ):
        with_tls = option(with_tls)
    return with_tls


def auth_option(name: str, variable: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """An option for an ``auth`` object. Better given in the environment, where other users do not see it."""

    def read(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, JsonValue] | None:
        if text is None:
            return None
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise click.UsageError(f"{name} is not a JSON object")
        if not _is_auth(value):
            raise click.UsageError(f"{name} is none of {SHAPES}")
        return value

    return click.option(name, envvar=variable, show_envvar=True, callback=read, metavar="JSON", help=f"{SHAPES}.")


def _is_auth(value: dict[str, JsonValue]) -> bool:
    """Whether exactly one kind of credentials is there, whole. A typo would otherwise be a request without any."""
    if len(value) != 1:
        return False
    [(kind, given)] = value.items()
    members = MEMBERS.get(kind)
    return members is not None and isinstance(given, dict) and all(isinstance(given.get(name), str) for name in members)
