"""HTTP requests to one peer: attempts, patience, redirects, credentials.

Owns what happens between a question and its answer, whatever is asked::

    wait for a turn        rate_control.py; shared by all requests of a job
    credentials            auth.py; renewed once or twice after a 401
    send, follow redirects to another host without credentials and without the headers of the options
    judge the status       2xx and what the question allows: an answer. 429, and 503 with Retry-After: wait, ask again
                           other 5xx, 408, no answer at all: ask again after a while, as often as the options say
                           everything else: an error, with the words of the reply

It must not know CouchDB's endpoints. Follows ``couch_replicator_httpc``. No credential is ever in an error or a log.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from docstore.replication.errors import PeerBroken, PeerBusy, PeerError, PeerUnreachable
from docstore.replication.patience import Patience, Sleep
from docstore.replication.remote.auth import LoginReply, credentials
from docstore.replication.remote.http_messages import DOCUMENT_WORDS, Answer, Ask, Reply, error_of
from docstore.replication.remote.options import RemoteOptions, TlsOptions
from docstore.replication.remote.rate_control import RateController, parse_retry_after
from docstore.replication.remote.resolving import NameServiceSilent, PatientResolver
from docstore.replication.remote.urls import origin, public_url, redirected, session_url, split_credentials
from docstore.replication.retry import backoff

MAX_REDIRECTS: Final = 10
MAX_RENEWALS: Final = 2
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
ASK_AGAIN: Final = frozenset({408, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524})
NETWORK_ERRORS: Final = (ClientError, OSError, TimeoutError)
USER_AGENT: Final = "docstore"
SOCKS: Final = "socks"

T = TypeVar("T")


class _AgainLater(Exception):
    """An attempt failed in a way that another one need not. ``counts``: it is one of those that the options allow."""

    def __init__(self, error: PeerError, *, counts: bool = True) -> None:
        super().__init__()
        self.error = error
        self.counts = counts


class HttpClient:
    """The requests to one database. ``url`` is without user and password. It is to be closed."""

    def __init__(
        self,
        url: str,
        options: RemoteOptions,
        *,
        rate: RateController | None = None,
        random: Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Raises PeerError for what is no URL. Nothing is sent yet."""
        self.url, auth = split_credentials(url)
        if options.proxy is not None and urlsplit(options.proxy).scheme.startswith(SOCKS):
            raise PeerError("SOCKS proxies are not supported.", url=self.url)
        self.options = options
        self._origin = origin(self.url)
        self._rate = rate or RateController(clock=clock, sleep=sleep, random=random)
        self._random = random or Random()
        self._sleep = sleep
        self._credentials = credentials(options.auth or auth, session_url(self.url), self._send_login, clock)
        self._session: ClientSession | None = None
        self._opening = asyncio.Lock()

    async def request(self, ask: Ask) -> Reply:
        """Ask until there is a whole reply. Raises PeerError."""
        return await self._attempts(ask, self._ask_whole)

    async def open(self, ask: Ask) -> Answer:
        """Ask until there is an answer, of which the body is still to be read; it is to be closed. Raises PeerError."""
        return await self._attempts(ask, self._ask_once)

    def patience(self) -> Patience:
        """Attempts as many as of a request: for what is more than one request."""
        return Patience(self.options.retries_per_request, self._random, self._sleep)

    async def rest(self) -> None:
        """Wait a moment."""
        await self._sleep(next(backoff(self._random)))

    async def close(self) -> None:
        """End all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # --- attempts

    async def _attempts(self, ask: Ask, attempt: Callable[[Ask], Awaitable[T]]) -> T:
        patience = self.patience()
        free = 0
        while True:
            try:
                return await attempt(ask)
            except _AgainLater as again:
                error = again.error
                if not again.counts and (isinstance(error, PeerBusy) or free < MAX_RENEWALS):
                    free += not isinstance(error, PeerBusy)
                    continue
                if ask.once:
                    raise error from again.__cause__
                await patience.again(error)

    async def _ask_whole(self, ask: Ask) -> Reply:
        answer = await self._ask_once(ask)
        try:
            body = await answer.read(ask.most_bytes)
            return Reply(answer.status, body, answer.headers.get("Content-Type", ""))
        except PeerUnreachable as error:
            raise _AgainLater(error) from error
        finally:
            answer.close()

    async def _ask_once(self, ask: Ask) -> Answer:
        """One attempt. Raises PeerError for what is final, _AgainLater."""
        sent_at = await self._rate.turn()
        secret = await self._login()
        try:
            response, ours = await self._send(ask, secret)
        except NETWORK_ERRORS as error:
            if ask.body is not None and ask.body.failure is not None:
                raise ask.body.failure from error
            raise _AgainLater(self._unreachable(error)) from error
        answer = Answer(response, self.url, ask.body)
        try:
            if ours:
                self._credentials.received(tuple(response.headers.getall("Set-Cookie", ())))
            await self._judge(ask, answer, sent_at, secret if ours else {})
        except BaseException:
            answer.close()
            raise
        return answer

    async def _judge(self, ask: Ask, answer: Answer, sent_at: float, secret: Mapping[str, str]) -> None:
        """Return if this is an answer to the question."""
        status = answer.status
        retry_after = parse_retry_after(answer.headers.get("Retry-After"), time.time())
        if status == 429 or (status == 503 and retry_after is not None):
            self._rate.refused(sent_at, retry_after)
            raise _AgainLater(PeerBusy(url=self.url, status=status, retry_after=retry_after), counts=False)
        self._rate.succeeded()
        if status < 300 or status in ask.allows:
            return
        try:
            error = error_of(status, await answer.start_of_body(), self.url)
        except PeerUnreachable as broken:
            raise _AgainLater(broken) from broken
        if status == 401 and secret and self._credentials.renew(secret):
            raise _AgainLater(error, counts=False)
        if status in ASK_AGAIN and status not in ask.final and error.error not in DOCUMENT_WORDS:
            raise _AgainLater(error)
        raise error

    async def _login(self) -> Mapping[str, str]:
        try:
            return await self._credentials.headers()
        except PeerUnreachable as error:
            raise _AgainLater(error) from error

    # --- one request

    async def _send(self, ask: Ask, secret: Mapping[str, str]) -> tuple[ClientResponse, bool]:
        """The answer, behind all redirects; and whether it comes from the peer's own host."""
        session = await self._open_session()
        place = self.url.rpartition("/")[0] if ask.of_server else self.url
        method, url, body = ask.method, place + ask.path, ask.body
        for _ in range(MAX_REDIRECTS + 1):
            ours = origin(url) == self._origin
            headers = {"Accept": ask.accept, **ask.headers}
            if ours:
                headers = {**self.options.headers, **headers, **secret}
            if body is not None:
                headers["Content-Type"] = body.content_type
                if body.length is not None:
                    headers["Content-Length"] = str(body.length)
            async with asyncio.timeout(None) as watch:
                response = await session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=None if body is None else body.for_sending(watch, self.options.connection_timeout),
                    allow_redirects=False,
                    auto_decompress=ask.decompress,
                    timeout=self._timeout(ask),
                    proxy=self.options.proxy,
                )
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or location is None:
                return response, ours
            if body is None or body.sent:
                response.release()
            else:
                response.close()
            if response.status == 303:
                method, body = "GET", None
            try:
                url = redirected(url, location)
            except ValueError:
                break
        raise PeerBroken("The redirects lead nowhere.", url=self.url)

    def _timeout(self, ask: Ask) -> ClientTimeout:
        silence = max(self.options.connection_timeout, ask.silence)
        return ClientTimeout(total=None, sock_connect=self.options.connection_timeout, sock_read=silence)

    async def _send_login(self, url: str, headers: Mapping[str, str], body: bytes) -> LoginReply:
        session = await self._open_session()
        limits = ClientTimeout(total=self.options.connection_timeout)
        try:
            async with session.post(
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=limits,
                proxy=self.options.proxy,
            ) as response:
                cookies = tuple(response.headers.getall("Set-Cookie", ()))
                return LoginReply(response.status, cookies, await response.read())
        except NETWORK_ERRORS as error:
            raise self._unreachable(error, public_url(url)) from None

    async def _open_session(self) -> ClientSession:
        async with self._opening:
            if self._session is None:
                tls = self.options.tls
                context = True if tls == TlsOptions() else await asyncio.to_thread(tls.context)
                self._session = ClientSession(
                    connector=TCPConnector(
                        limit=self.options.http_connections + 1,
                        ssl=context,
                        resolver=PatientResolver(self.options.connection_timeout),
                    ),
                    cookie_jar=DummyCookieJar(),
                    headers={"User-Agent": USER_AGENT},
                    max_line_size=64 * 1024,
                    max_field_size=64 * 1024,
                )
            return self._session

    def _unreachable(self, error: BaseException, url: str | None = None) -> PeerUnreachable:
        silent = isinstance(error, TimeoutError)
        return PeerUnreachable(f"{url or self.url}: {what_broke(error)}", url=url or self.url, silent=silent)


def what_broke(error: BaseException) -> str:
    """Why there is no answer, in words that name no credential."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return "no trust in the server's certificate"
        case aiohttp.ClientConnectorSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorDNSError() if isinstance(error.os_error, NameServiceSilent):
            return "the name service does not answer"
        case aiohttp.ClientConnectorDNSError():
            return "the host is not known"
        case TimeoutError():
            return "no sign of life for too long"
        case aiohttp.ClientConnectorError():
            return f"no connection ({error.os_error.strerror or 'refused'})"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "the connection was cut"
        case aiohttp.ClientPayloadError():
            return "the reply broke off"
        case _:
            return f"the connection failed ({type(error).__name__})"
