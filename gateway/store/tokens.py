"""Members' tokens, one each: their digests, and who made them; every change is written down."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from gateway.domain.access import Token
from gateway.domain.errors import NotFound
from gateway.store.activity import Entry, book
from gateway.store.reader import Reader
from gateway.store.schema import member_token
from gateway.store.writer import Writer

_BY_ID = select(member_token).where(member_token.c.id == bindparam("of_id"))
_ALL = select(member_token).order_by(member_token.c.login)
_FORGET = delete(member_token).where(member_token.c.login == bindparam("of_login"))


class TokenShelf:
    """Where tokens are kept; each method is one transaction."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def find(self, token_id: str) -> Token | None:
        rows = await self._reader.run(lambda connection: connection.execute(_BY_ID, {"of_id": token_id}).all())
        return _read(rows[0]) if rows else None

    async def list(self) -> list[Token]:
        """By login."""
        return [_read(row) for row in await self._reader.run(lambda connection: connection.execute(_ALL).all())]

    async def replace(self, token: Token) -> None:
        """The member's only one from now on."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"of_login": token.login})
            connection.execute(insert(member_token), _row(token))
            what = f"token made, good until {token.expires_at:%Y-%m-%d %H:%M} UTC"
            book(connection, [Entry("member", token.login, "changed", what)], token.made_by, token.made_at)

        await self._writer.run(work)

    async def revoke(self, login: str, by: str, at: datetime) -> None:
        """NotFound where the member has none."""

        def work(connection: Connection) -> None:
            if connection.execute(_FORGET, {"of_login": login}).rowcount == 0:
                raise NotFound(f"{login} has no token: there is nothing to revoke.")
            book(connection, [Entry("member", login, "changed", "token revoked")], by, at)

        await self._writer.run(work)


def _row(token: Token) -> dict[str, object]:
    return {
        "login": token.login,
        "id": token.id,
        "digest": token.digest,
        "made_at": token.made_at,
        "expires_at": token.expires_at,
        "made_by": token.made_by,
    }


def _read(row: Row[tuple[object, ...]]) -> Token:
    return Token(row.id, row.login, row.digest, row.made_at, row.expires_at, row.made_by)
