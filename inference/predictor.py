"""Answers "which digit is this?" with the production model, on ONNX Runtime.

One `Predictor` serves a process. It keeps a session for each of the last few model versions,
follows promotions without a restart, and never lets a request wait for, or fail because of, a
switch: until the new version is loaded and has answered once, the old one goes on serving.
"""

import asyncio
import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import onnxruntime
from django.core.files.storage import default_storage
from django.db import DatabaseError, close_old_connections, connections

from digitsite.database_threads import in_database_thread
from inference.models import ModelVersion, Promotion

logger = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0
"""How often the newest promotion is asked for. DESIGN promises that it serves within 2 s."""

SESSIONS_KEPT = 3
IMAGES_INLINE = 16
"""More than this take milliseconds, in which an event loop could answer others."""

IMAGES_A_RUN = 256
"""Images given to ONNX Runtime at once; keeps the memory of a large batch flat."""


class ModelUnavailable(RuntimeError):
    """A registered model whose file is missing, changed or not loadable; the message says which."""


class NoProductionModel(RuntimeError):
    """Nothing is promoted yet, or what is promoted cannot be loaded."""

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or "No model is in production yet. Train one under Runs, then promote it under Models."
        )


@dataclass(frozen=True)
class Prediction:
    """The answers for N images: `probabilities` is (N, 10) float32, each row sums to 1."""

    model_version: ModelVersion
    probabilities: np.ndarray
    milliseconds: float

    @property
    def labels(self) -> np.ndarray:
        """(N,) the most probable digit of each image."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self) -> np.ndarray:
        """(N,) float32, the probability of that digit."""
        return self.probabilities.max(axis=1)


@dataclass(frozen=True)
class _Served:
    model_version: ModelVersion
    session: onnxruntime.InferenceSession

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        parts = [
            self.session.run(["probabilities"], {"images": images[start : start + IMAGES_A_RUN]})[0]
            for start in range(0, len(images), IMAGES_A_RUN)
        ]
        return np.concatenate(parts) if parts else np.empty((0, 10), np.float32)


class Predictor:
    """Thread-safe. Long-lived processes call `start_following` once; others need nothing."""

    def __init__(self) -> None:
        self._production: _Served | None = None
        self._problem: NoProductionModel | None = None
        self._sessions: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()
        self._sessions_lock = threading.Lock()
        self._refresh_lock = threading.Lock()
        self._checked_at = -math.inf
        self._follower: threading.Thread | None = None
        self._stop = threading.Event()

    # --- answers --------------------------------------------------------------------------

    def predict_images(self, images: np.ndarray) -> Prediction:
        """Read `images` (N, 28, 28) uint8, white ink on black, with the production model.

        Raises NoProductionModel, and ValueError for another shape or type.
        """
        return self._answer(self._current(), images)

    async def apredict_images(self, images: np.ndarray) -> Prediction:
        """`predict_images` for asynchronous code: the database is asked in a thread of its own,
        and so is the model when there is more than the loop can wait for."""
        if self._must_ask():
            await in_database_thread(self._refresh_if_due)
        served = self._served_or_raise()
        if len(images) > IMAGES_INLINE:
            return await asyncio.to_thread(self._answer, served, images)
        return self._answer(served, images)

    def predict_images_with(self, model_version: ModelVersion, images: np.ndarray) -> Prediction:
        """As `predict_images`, with a version that need not be in production.

        Raises ModelUnavailable.
        """
        return self._answer(_Served(model_version, self._session(model_version)), images)

    def production(self) -> ModelVersion | None:
        """The version that answers now, or None."""
        try:
            return self._current().model_version
        except NoProductionModel:
            return None

    @staticmethod
    def _answer(served: _Served, images: np.ndarray) -> Prediction:
        if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
            raise ValueError(
                f"expected images (N, 28, 28) uint8, got {images.shape} {images.dtype}"
            )
        started = time.perf_counter()
        probabilities = served.probabilities(np.ascontiguousarray(images))
        milliseconds = (time.perf_counter() - started) * 1000
        return Prediction(served.model_version, probabilities, milliseconds)

    # --- following promotions ---------------------------------------------------------------

    def start_following(self) -> None:
        """Ask for the newest promotion every second, in a thread, until `stop_following`."""
        if self._follower is None:
            self._stop.clear()
            self._follower = threading.Thread(target=self._follow, name="follower", daemon=True)
            self._follower.start()

    def stop_following(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            self._stop.set()
            follower.join()

    def forget(self) -> None:
        """Start again from nothing, as a new process would."""
        self.stop_following()
        with self._refresh_lock, self._sessions_lock:
            self._production, self._problem = None, None
            self._sessions.clear()
            self._checked_at = -math.inf

    def refresh(self) -> None:
        """Serve the newest promotion; go on with the former one when that fails."""
        with self._refresh_lock:
            self._refresh()

    def _refresh(self) -> None:
        newest = Promotion.objects.select_related("model__run").order_by("-id").first()
        if newest is None:
            self._production, self._problem = None, NoProductionModel()
        else:
            self._switch_to(newest.model)
        self._checked_at = time.monotonic()

    def _switch_to(self, version: ModelVersion) -> None:
        now = self._production
        if now is not None and now.model_version == version:
            return
        try:
            served = _Served(version, self._session(version))
        except ModelUnavailable as error:
            problem = NoProductionModel(f"Model {version} is promoted, but {error}")
            if str(problem) != str(self._problem):
                logger.error("%s Still serving %s.", problem, now.model_version if now else "none")
            self._problem = problem
            return
        self._production, self._problem = served, None
        logger.info("serving model %s", version)

    def _current(self) -> _Served:
        if self._must_ask():
            self._refresh_if_due()
        return self._served_or_raise()

    def _must_ask(self) -> bool:
        """Nobody follows, or the follower has only just started."""
        return self._follower is None or self._checked_at == -math.inf

    def _served_or_raise(self) -> _Served:
        served = self._production
        if served is None:
            raise self._problem or NoProductionModel()
        return served

    def _refresh_if_due(self) -> None:
        if not self._is_due():
            return
        with self._refresh_lock:
            if self._is_due():
                self._refresh()

    def _is_due(self) -> bool:
        return time.monotonic() - self._checked_at >= FOLLOW_SECONDS

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    close_old_connections()
                    self.refresh()
                except DatabaseError as error:  # away or restarting: the last model goes on
                    logger.warning("cannot ask for the newest promotion: %s", error)
                except Exception:
                    logger.exception("following promotions failed; trying again")
                self._stop.wait(FOLLOW_SECONDS)
        finally:
            connections.close_all()

    # --- sessions ---------------------------------------------------------------------------

    def _session(self, version: ModelVersion) -> onnxruntime.InferenceSession:
        with self._sessions_lock:
            session = self._sessions.get(version.sha256)
            if session is not None:
                self._sessions.move_to_end(version.sha256)
                return session
        session = _load(version)
        with self._sessions_lock:
            self._sessions[version.sha256] = session
            while len(self._sessions) > SESSIONS_KEPT:
                self._sessions.popitem(last=False)
        return session


def _load(version: ModelVersion) -> onnxruntime.InferenceSession:
    """A session that has answered once. Raises ModelUnavailable."""
    name = version.run.artifacts.get("onnx", {}).get("name")
    if not name:
        raise ModelUnavailable("its run has no .onnx file.")
    try:
        with default_storage.open(name, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ModelUnavailable(f"its file {name} cannot be read.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != version.sha256:
        raise ModelUnavailable(
            f"its file {name} has changed: SHA-256 {digest[:12]}, expected {version.sha256[:12]}."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a digit takes 0.05 ms; more threads only wake up late
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )
        blank = np.zeros((1, 28, 28), np.uint8)
        (answer,) = session.run(["probabilities"], {"images": blank})
    except Exception as error:  # onnxruntime raises classes of its C++ part
        raise ModelUnavailable(f"its file {name} is not a model that can be served.") from error
    if answer.shape != (1, 10):
        raise ModelUnavailable(f"its file {name} answers {answer.shape}, expected (1, 10).")
    return session


predictor = Predictor()
"""The one of this process."""
