"""Queues looked at only where there is something in them to hand out.

DBOS looks at each queue by itself, again and again, for some milliseconds of CPU each time. Here one
cheap look is for all queues, and wakes those in which a job waits; a job that is started here wakes
its queue at once.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping

import sqlalchemy
from dbos import DBOS
from dbos._queue import queue_worker_thread
from sqlalchemy.exc import SQLAlchemyError

from bedplate.durable.places import SCHEMA

logger = logging.getLogger(__name__)

UNASKED_SECONDS = 30.0
"""After so long a queue is looked at though no job was seen to wait in it."""

JOIN_SECONDS = 10.0


class Bell:
    """A threading.Event as its waiter sees it, whose wait also ends when it is rung."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stopped = False
        self._rung = False

    def is_set(self) -> bool:
        return self._stopped

    def set(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def ring(self) -> None:
        """End the wait, or the next one where nobody waits now."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set; before the time is over once it was rung."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._rung, timeout)
            self._rung = False
            return self._stopped


class HandOut:
    """DBOS's own thread for each queue, woken where there is work.

    Its manager of these threads gives all of them one event to stop by, and so no way to wake one:
    they are started from here instead, by a private call (decision 10 pins the version).
    """

    def __init__(self, dbos: DBOS, queues: Collection[str], seconds: float) -> None:
        """The queues are registered; `seconds` are between two looks for jobs that wait."""
        self._dbos = dbos
        self._seconds = seconds
        self._bells: Mapping[str, Bell] = {name: Bell() for name in queues}
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        schema = "" if dbos._sys_db.engine.dialect.name == "sqlite" else f"{SCHEMA}."  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        # Both states, as the condition of the index that the table has.
        self._waiting = sqlalchemy.text(
            f"SELECT DISTINCT queue_name, status FROM {schema}workflow_status"  # noqa: S608 - constants
            " WHERE status IN ('ENQUEUED', 'PENDING')"
        )

    def start(self) -> None:
        """Blocks for as long as the queues' rows are read."""
        for name, bell in self._bells.items():
            queue = DBOS.retrieve_queue(name)
            self._begin(f"queue-{name}", queue_worker_thread, bell, self._dbos, queue)
        if self._bells:
            self._begin("queues", self._look)

    def ring(self, queue: str) -> None:
        """A job was put into it."""
        if queue in self._bells:
            self._bells[queue].ring()

    def stop(self) -> None:
        """Hand out no more; returns at once."""
        self._stopped.set()
        for bell in self._bells.values():
            bell.set()

    def join(self) -> None:
        """Wait until the last look has ended; blocks."""
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _begin(self, name: str, target: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=target, args=given, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _look(self) -> None:
        said = False
        while not self._stopped.wait(self._seconds):
            try:
                for name in self._in_wait():
                    self.ring(name)
                said = False
            except SQLAlchemyError as error:
                # Of many failures in a row one line; each queue is still looked at by itself.
                if not said:
                    logger.warning("no look at the queues", extra={"error": str(error)})
                said = True

    def _in_wait(self) -> list[str]:
        with self._dbos._sys_db.engine.connect() as connection:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            rows = connection.execute(self._waiting)
            return [name for name, status in rows if status == "ENQUEUED"]
