"""What a service manager hands to a server, and what it wants to hear of it.

Owns the two protocols of systemd that matter to one that listens: sockets that are opened before the server starts and
outlast it (``sd_listen_fds(3)``), so that a restart refuses nobody, and word that it is ready, reloads or stops
(``sd_notify(3)``). Without a service manager both do nothing. It must not know what a server is.
"""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from time import monotonic_ns
from typing import Final

FIRST_SOCKET: Final = 3
TLS_NAME: Final = "https"
"""``FileDescriptorName=`` of the socket that is for TLS, where there are two."""

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"


class Sockets:
    """The listening sockets that were handed over; ``plain`` and ``tls`` are None where there is none."""

    def __init__(self, plain: socket.socket | None = None, tls: socket.socket | None = None) -> None:
        self.plain = plain
        self.tls = tls


def handed_over(environment: MutableMapping[str, str]) -> Sockets:
    """The sockets for this process, and for no program that it starts. Raises ValueError for what cannot be served.

    The first one that is not named ``https`` is the plain one.
    """
    count = environment.pop("LISTEN_FDS", "")
    process = environment.pop("LISTEN_PID", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if not count or process != str(os.getpid()):
        return Sockets()
    found = Sockets()
    for place in range(int(count)):
        os.set_inheritable(FIRST_SOCKET + place, False)
        opened = socket.socket(fileno=FIRST_SOCKET + place)
        if opened.type != socket.SOCK_STREAM or opened.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError("a socket that was handed over is not one of TCP")
        opened.setblocking(False)
        if place < len(names) and names[place] == TLS_NAME:
            found.tls = opened
        elif found.plain is None:
            found.plain = opened
        else:
            raise ValueError(f"more than one socket was handed over that is not named {TLS_NAME}")
    return found


def notify(environment: MutableMapping[str, str], word: str) -> None:
    """Tell the service manager, if there is one that listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.connect(address)
        told.sendall(word.encode())


def reloading() -> str:
    """The word that a reload begins; ``READY`` ends it."""
    return f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}"
