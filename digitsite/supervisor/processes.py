"""The one table of the site's processes. docker-compose.yml runs the same commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Process:
    """One process of the site and how to end it.

    `command` may name `{bind}` and `{port}`, and begins with `python`, which stands for the
    running interpreter. Processes of a lower `stop_stage` end first; after `stop_seconds` of
    SIGTERM comes SIGKILL.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_stage: int = 0
    stop_seconds: float = 10

    def argv(self, *, python: str, bind: str, port: int) -> list[str]:
        words = [word.format(bind=bind, port=port) for word in self.command]
        return [python if word == "python" else word for word in words]


# No library may call home, and native libraries keep their start-up chatter to themselves.
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def _worker(queue: str, *options: str) -> tuple[str, ...]:
    return (
        *("python", "-m", "celery", "-A", "digitsite", "worker"),
        *("--queues", queue, "--concurrency", "1", *options),
        *("--hostname", f"{queue}@%h", "--loglevel", "INFO", "--without-gossip"),
        "--without-mingle",
    )


PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        Process(
            "web",
            (
                *("python", "-m", "uvicorn", "digitsite.asgi:application"),
                *("--host", "{bind}", "--port", "{port}", "--no-access-log", "--no-server-header"),
                # Event streams never end by themselves: cut them rather than wait.
                *("--timeout-graceful-shutdown", "3"),
            ),
            QUIET,
            stop_stage=0,
            stop_seconds=8,
        ),
        Process("keeper", ("python", "manage.py", "keeper"), QUIET, stop_stage=0, stop_seconds=8),
        # One run a child process: TensorFlow is imported there and its memory goes with it.
        Process(
            "worker-train",
            _worker("train", "--max-tasks-per-child", "1"),
            QUIET,
            stop_stage=1,
            stop_seconds=30,  # a drained trainer writes its checkpoint first
        ),
        Process("worker-default", _worker("default"), QUIET, stop_stage=1, stop_seconds=20),
    )
}
