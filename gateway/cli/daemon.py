"""The way to the daemon: HTTP over its Unix socket, every failure an exit code and a sentence."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from gateway.cli.answer import Answer
from gateway.cli.exits import NOT_ALLOWED, TRY_AGAIN, UNAVAILABLE, Failed, code_of
from gateway.cli.token import token

if TYPE_CHECKING:
    import httpx2

DEFAULT_SOCKET = Path("/run/postern/admin.sock")
ANSWER_SECONDS = 60.0  # a busy daemon; backups and streams have no limit

_Params = Mapping[str, str | int | bool | list[str] | None]


class Daemon:
    """A context manager; it connects with the first request."""

    def __init__(self, path: Path | None) -> None:
        self._socket = path or DEFAULT_SOCKET
        self._named = path is not None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        from gateway.admin.unix import short_path

        try:
            name = self._stack.enter_context(short_path(self._socket))
        except OSError:
            raise self._absent() from None
        try:
            self._knock(name)
            self._client = self._stack.enter_context(_client(name, token()))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def get(self, path: str, **params: str | int | bool | None) -> Answer:
        return Answer.read(self._ask("GET", path, params).content)

    def content(self, path: str) -> bytes:
        return self._ask("GET", path, {}).content

    def download(self, path: str, **params: str) -> Iterator[bytes]:
        """The same piece by piece, for what may be large; no piece may take longer than an answer."""
        with self._failures(), self._client.stream("GET", path, params=params) as answer:
            if answer.is_error:
                answer.read()
                raise _failure(answer)
            yield from answer.iter_bytes()

    def post(
        self, path: str, body: object = None, *, patient: bool = False, **params: str | int | bool | None
    ) -> Answer:
        """``patient``: however long it takes."""
        return Answer.read(self._ask("POST", path, params, body=body, patient=patient).content)

    def delete(self, path: str, **params: str | None) -> Answer:
        return Answer.read(self._ask("DELETE", path, params).content)

    def deliver(self, path: str, content: bytes, params: Mapping[str, str | list[str]]) -> Answer:
        """Posts a message as it is."""
        return Answer.read(self._ask("POST", path, params, mail=content).content)

    def pages(self, path: str, key: str, **params: str | int | bool | None) -> Iterator[Answer]:
        """Every row of a list, however many pages it has."""
        before: str | None = None
        while True:
            page = self.get(path, before=before, **params)
            yield from page.parts(key)
            before = page.text("next")
            if not before:
                return

    def stream(self, path: str, **params: str) -> Iterator[tuple[str, Answer]]:
        """The events of an answer that comes bit by bit, each with its kind; however long it takes."""
        import httpx2

        with self._failures(), self._client.stream("POST", path, params=params, timeout=None) as stream:
            if stream.is_error:
                stream.read()
                raise _failure(stream)
            for event in httpx2.EventSource(stream):
                yield event.event, Answer.read(event.data)

    def events(self, after: int) -> Iterator[Answer]:
        """The feed as it goes on, until the daemon stops."""
        import httpx2

        headers = {"accept": "text/event-stream"}
        with (
            self._failures(),
            self._client.stream("GET", "/v1/events", params={"after": after}, headers=headers, timeout=None) as stream,
        ):
            if stream.is_error:
                stream.read()
                raise _failure(stream)
            for event in httpx2.EventSource(stream):
                yield Answer.read(event.data)

    def _ask(
        self,
        method: str,
        path: str,
        params: _Params,
        *,
        body: object = None,
        mail: bytes | None = None,
        patient: bool = False,
    ) -> httpx2.Response:
        """``body`` goes as JSON, ``mail`` as it is; ``patient``: however long it takes."""
        given = {key: value for key, value in params.items() if value is not None}
        timeout = None if patient else ANSWER_SECONDS
        headers = None if mail is None else {"content-type": "message/rfc822"}
        with self._failures():
            response = self._client.request(
                method, path, params=given, json=body, content=mail, headers=headers, timeout=timeout
            )
        if response.is_error:
            raise _failure(response)
        return response

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        import httpx2

        try:
            yield
        except httpx2.ConnectError as error:
            raise self._absent() from error
        except httpx2.TimeoutException as error:
            raise _late() from error
        except httpx2.TransportError as error:
            sentence = "The daemon hung up before it had answered: see `postern status`, then try again."
            raise Failed(TRY_AGAIN, sentence) from error

    def _knock(self, name: str) -> None:
        """Connects once by hand: the client's own error would not say what the kernel said."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(ANSWER_SECONDS)
            try:
                probe.connect(name)
            except PermissionError:
                raise self._shut() from None
            except TimeoutError:
                raise _late() from None
            except OSError:
                raise self._absent() from None

    def _absent(self) -> Failed:
        how = "start it with `postern serve --config FILE`"
        other = "" if self._named else ", or say where its socket is with --socket PATH or POSTERN_SOCKET"
        return Failed(UNAVAILABLE, f"No daemon answers at {self._socket}: {how}{other}.")

    def _shut(self) -> Failed:
        sentence = f"You may not use {self._socket}: become root, the daemon's user, or a member of its admin group."
        return Failed(NOT_ALLOWED, sentence)


def _client(name: str, shown: str) -> httpx2.Client:
    import ssl

    import httpx2

    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else the client reads all certificates of the machine
    transport = httpx2.HTTPTransport(uds=name, verify=unused, trust_env=False)
    headers = {"authorization": f"Bearer {shown}"} if shown else {}
    return httpx2.Client(
        transport=transport, base_url="http://postern", timeout=ANSWER_SECONDS, trust_env=False, headers=headers
    )


def _late() -> Failed:
    return Failed(TRY_AGAIN, "The daemon did not answer in time: look at its log, then try again.")


def step(name: str) -> str:
    """A name as one step of a path, whatever is in it; dots alone would be taken for a way up."""
    return quote(name, safe="").replace(".", "%2E") if not name.strip(".") else quote(name, safe="")


def _failure(response: httpx2.Response) -> Failed:
    code = code_of(response.status_code)
    try:
        problem = Answer.read(response.content)
        rows = problem.parts("faults") if "faults" in problem.plain else []
    except Failed:  # not from our daemon, or not of this version
        return Failed(code, f"The daemon refused with HTTP {response.status_code} and no reason: its log says more.")
    return Failed(code, problem.text("detail"), [f"{row.text('path')}: {row.text('sentence')}" for row in rows])
