"""`manage.py keeper`: looks after training runs until it is told to stop."""

import logging
import signal
import threading

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from training.services import keeper

logger = logging.getLogger("training.keeper")


class Command(BaseCommand):
    help = "Requeue runs whose worker died, end overdue ones, repeat lost wake-ups."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--once", action="store_true", help="One round, then exit.")

    def handle(self, *, once: bool, **options) -> None:
        if once:
            keeper.tick()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        logger.info("event=keeper-started interval=%gs", settings.KEEPER_INTERVAL_SECONDS)
        while not stop.is_set():
            close_old_connections()
            try:
                keeper.tick()
            except (DatabaseError, InterfaceError) as error:
                # The database is away or locked; the next round may find it again.
                logger.warning("event=keeper-round-failed reason=%s", error)
                connection.close()
            stop.wait(settings.KEEPER_INTERVAL_SECONDS)
        logger.info("event=keeper-stopped")
