"""What a run was trained with, for its page and for whoever wants the same bits again."""

import os
import platform
import socket
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings

import digitsite
from training.ml.precision import computes_bfloat16

_PACKAGES = ("tensorflow", "keras", "numpy", "onnx", "onnxruntime", "django", "celery")


def train_threads() -> int:
    """TensorFlow's threads in this process: TRAIN_THREADS, or one for each CPU it may use."""
    return settings.TRAIN_THREADS or len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def environment() -> dict:
    """Versions, processor and threads of this process. Loads none of the packages."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "bfloat16": "yes" if computes_bfloat16() else "no",
        "threads": train_threads(),
        "python": platform.python_version(),
        "digitsite": digitsite.__version__,
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
