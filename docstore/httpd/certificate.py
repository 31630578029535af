"""When the certificate that a server shows runs out: found out, and told in the log while there is time.

Owns that, and how often it is told. It must not know sockets. A certificate that has run out is shown all the same.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

DAY: Final = 86_400.0
EARLY: Final = 14 * DAY
"""From so many seconds before the end on it is told."""

LOOK_AGAIN: Final = 3_600.0


def end_of(certificate: Path) -> float | None:
    """Seconds since 1970 when the first of the certificates in a PEM file runs out; None if that cannot be told."""
    from cryptography import x509  # takes a while, and most servers have no certificate

    try:
        ends = [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(certificate.read_bytes())]
    except (OSError, ValueError):
        return None
    return min(ends).timestamp() if ends else None


def warning_of(end: float, now: float) -> str | None:
    """What there is to tell of a certificate that runs out at ``end``."""
    left = end - now
    if left <= 0:
        return f"the certificate ssl/cert_file ran out {_days(-left)} ago: clients refuse it"
    return f"the certificate ssl/cert_file runs out in {_days(left)}" if left <= EARLY else None


class Watch:
    """One certificate, while it is shown. ``now`` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._told_at: float | None = None
        self.end: float | None = None

    def show(self, certificate: Path) -> None:
        """From now on the one in this file is shown."""
        self.end = end_of(certificate)
        self._told_at = None
        self.look()

    def look(self) -> None:
        """Tell what there is to tell, once a day."""
        now = self._now()
        warning = None if self.end is None else warning_of(self.end, now)
        if warning is not None and (self._told_at is None or abs(now - self._told_at) >= DAY):
            self._told_at = now
            logger.warning("%s", warning)

    async def keep_looking(self) -> None:
        """Look every hour, for ever."""
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            self.look()


def _days(seconds: float) -> str:
    days = int(seconds // DAY)
    return "less than a day" if not days else "a day" if days == 1 else f"{days} days"
