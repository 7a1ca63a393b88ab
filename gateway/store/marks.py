"""What the wall clock showed, mark by mark on the queue's: how long ago a moment was, whatever was set since.

People see by the wall clock when something ended, and it is kept for so many days. Were those days counted on that
clock too, a jump to 2038 would make all of it old at once (hostile E1). So a mark is set about daily, and after each
jump back; between two of them the wall clock only went forward, and before the first it is taken to have been right.
Where the marks leave a doubt, more is kept: what ended while the clock showed 2038 stays until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from gateway.store.columns import Moment
from gateway.store.schema import clock_mark

# A jump back is marked within about a minute (`clock.keep`): what ended meanwhile shows a moment before the mark.
NOTICED_WITHIN = timedelta(hours=1)

_MARK = clock_mark.c
_FLOOR = bindparam("floor", type_=Moment)
_COVERING = select(_MARK.at, _MARK.wall).where(_MARK.at <= _FLOOR).order_by(_MARK.at.desc(), _MARK.wall).limit(1)
_FIRST = select(_MARK.at, _MARK.wall).order_by(_MARK.at, _MARK.wall).limit(1)
_LOWEST = select(func.min(_MARK.wall)).where(_MARK.at > _FLOOR)
_PASSED = delete(clock_mark).where(_MARK.at < bindparam("covering", type_=Moment))


def mark(connection: Connection, at: datetime, wall: datetime) -> None:
    """``at`` on the queue's clock the wall clock shows ``wall``."""
    connection.execute(insert(clock_mark), {"at": at, "wall": wall})


def any_there(connection: Connection) -> bool:
    return connection.execute(_FIRST).first() is not None


def shown_before(connection: Connection, floor: datetime) -> datetime:
    """What shows an earlier moment of the wall clock than this happened before ``floor``, a moment of the queue's.

    There is a mark at least: the queue's clock sets one as it starts. Marks that nobody needs any more go.
    """
    covering = connection.execute(_COVERING, {"floor": floor}).first()
    first = covering or connection.execute(_FIRST).one()
    shown: datetime = first.wall + (floor - first.at)
    if covering is not None:
        connection.execute(_PASSED, {"covering": covering.at})
    lowest: datetime | None = connection.execute(_LOWEST, {"floor": floor}).scalar()
    return shown if lowest is None else min(shown, lowest - NOTICED_WITHIN)
