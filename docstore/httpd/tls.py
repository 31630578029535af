"""TLS: the certificate that the server shows, and those of clients that it asks for.

Owns the settings of the section ``ssl`` and the context that follows from them. Connections that are made after a
``reload`` see the certificate that is in the files by then; those that stand go on with theirs. A certificate that has
run out is served all the same, since the clients decide; the log tells (``certificate.py``). Follows
``chttpd:start_link(https)`` of CouchDB.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from docstore.config.configuration import Configuration
from docstore.config.errors import InvalidSetting
from docstore.httpd.certificate import Watch

SECTION: Final = "ssl"


class Tls:
    """The context of a server with TLS."""

    def __init__(self, configuration: Configuration, now: Callable[[], float]) -> None:
        """Read the files; ``now`` gives seconds since 1970. Raises InvalidSetting if they cannot be used."""
        self._configuration = configuration
        self.watch = Watch(now)
        self.context = self._made()
        self.watch.show(self._certificate)

    @staticmethod
    def is_wanted(configuration: Configuration) -> bool:
        """Whether the settings ask for TLS."""
        return configuration.get(SECTION, "enable") == "true"

    @property
    def port(self) -> int:
        """Where to listen."""
        return int(self._configuration.get(SECTION, "port") or "0")

    @property
    def host(self) -> str | None:
        """The address to listen on, if it is one of its own."""
        return self._configuration.get(SECTION, "bind_address")

    def reload(self) -> None:
        """Show what is in the files now to those who connect from now on.

        Raises InvalidSetting; then nothing has changed.
        """
        self._made()
        self._fill(self.context)
        self.watch.show(self._certificate)

    @property
    def _certificate(self) -> Path:
        return Path(self._configuration.get(SECTION, "cert_file") or "")

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._fill(context)
        return context

    def _fill(self, context: ssl.SSLContext) -> None:
        get = self._configuration.get
        certificate = get(SECTION, "cert_file")
        if not certificate:
            raise InvalidSetting("ssl/cert_file has to name a certificate.")
        key = get(SECTION, "key_file") or certificate
        password = get(SECTION, "password") or ""
        _check_files(certificate, key)
        try:
            context.load_cert_chain(certificate, key, lambda: password)
        except (ssl.SSLError, ValueError) as error:
            raise InvalidSetting(f"ssl/cert_file and ssl/key_file cannot be used: {_told(error)}.") from None
        authorities = get(SECTION, "cacert_file")
        if authorities:
            _check_files(authorities)
            try:
                context.load_verify_locations(authorities)
            except ssl.SSLError as error:
                raise InvalidSetting(f"ssl/cacert_file cannot be used: {_told(error)}.") from None
        if get(SECTION, "verify_ssl_certificates") == "true":
            if not authorities:
                raise InvalidSetting("ssl/verify_ssl_certificates needs ssl/cacert_file.")
            demanded = get(SECTION, "fail_if_no_peer_cert") == "true"
            context.verify_mode = ssl.CERT_REQUIRED if demanded else ssl.CERT_OPTIONAL


def _check_files(*paths: str) -> None:
    for path in paths:
        try:
            with Path(path).open("rb"):
                pass
        except OSError as error:
            raise InvalidSetting(f"{path}: {error.strerror}") from None


def _told(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
