"""The Celery application. A message is only a wake-up: the database row is the job."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitsite.settings")

app = Celery("digitsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.update(
    # A worker takes a message when it is free, so that none waits behind a run of an hour while
    # another worker is idle.
    worker_disable_prefetch=True,
    broker_connection_max_retries=None,  # a Redis that is away comes back
    # Importing TensorFlow keeps a fresh child busy for longer than Celery's 4 seconds.
    worker_proc_alive_timeout=60,
    worker_send_task_events=False,
    task_send_sent_event=False,
)
