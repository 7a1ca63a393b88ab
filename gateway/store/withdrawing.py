"""Documents leave a client's with the mail that brought them, when a person takes that out of the client's record.

The row stays and says so (``withdrawn``: leaving until its file is gone, then gone), and the message keeps the bytes:
filed there again, it is looked through again, and the document comes back. A document that other mail of the client's
brought as well stays, and is that mail's from then on.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from gateway.store.schema import document, document_origin, filing

LEAVING = "leaving"  # nobody sees it any more; its file is still to be removed
GONE = "gone"

_FROM = (
    select(document.c.id, document.c.message)
    .where(
        document.c.client == bindparam("of_client"),
        document.c.withdrawn == "",
        document.c.id.in_(
            select(document_origin.c.document).where(document_origin.c.message == bindparam("of_message"))
        ),
    )
    .order_by(document.c.id)
)
_HEIR = (
    select(document_origin.c.message, document_origin.c.name)
    .join(filing, filing.c.message == document_origin.c.message)
    .where(document_origin.c.document == bindparam("number"), filing.c.client == bindparam("of_client"))
    .order_by(document_origin.c.message, document_origin.c.part)
    .limit(1)
)
_THIS = update(document).where(document.c.id == bindparam("number"))
_INHERIT = _THIS.values(message=bindparam("heir"), original_name=bindparam("heir_name"))
_LEAVE = _THIS.values(withdrawn=LEAVING)
_LEAVERS = select(document.c.id, document.c.path, document.c.sha256).where(document.c.withdrawn == LEAVING)
# The path may be another document's next: a withdrawn one has none.
_WENT = _THIS.where(document.c.withdrawn == LEAVING).values(withdrawn=GONE, path=bindparam("nowhere"))


def withdraw(connection: Connection, client: str, message: int) -> list[int]:
    """After the message left the client's record: the numbers of the documents that left with it."""
    left = []
    for row in connection.execute(_FROM, {"of_client": client, "of_message": message}).all():
        heir = connection.execute(_HEIR, {"of_client": client, "number": row.id}).one_or_none()
        if heir is None:
            connection.execute(_LEAVE, {"number": row.id})
            left.append(row.id)
        elif row.message == message:
            connection.execute(_INHERIT, {"number": row.id, "heir": heir.message, "heir_name": heir.name})
    return left


def leavers(connection: Connection) -> list[tuple[int, str, str]]:
    """Number, path and hash of those whose files are still to be removed."""
    return [(row.id, row.path, row.sha256) for row in connection.execute(_LEAVERS)]


def went(connection: Connection, number: int) -> None:
    """Its file is gone."""
    connection.execute(_WENT, {"number": number, "nowhere": f"withdrawn/{number}"})
