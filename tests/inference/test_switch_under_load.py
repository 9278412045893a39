"""Promotions back and forth under load: no request fails, and the new model serves soon."""

import threading
import time
from contextlib import closing

import httpx
import pytest

from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from inference.services.promotion import promote
from tests.factories import make_dataset, make_user
from tests.inference.rows import make_version
from tests.web_server import web_server

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

BODY = {"strokes": [[[0.5, 0.2], [0.5, 0.5], [0.5, 0.8]]]}
PEOPLE = 4
SWITCHES = 6


def test_not_one_request_fails_while_models_are_switched(child_environment, tmp_path, redis_url):
    owner, dataset = make_user(Role.ADMIN), make_dataset()
    versions = [make_version(owner=owner, dataset=dataset, evaluated=True) for _ in range(2)]
    promote(versions[0], by=owner, reason="first")
    token = create_token(make_user(Role.DRAWER), "load")[1]
    answers: list[tuple[int, str]] = []
    failures: list[object] = []
    stop = threading.Event()

    def hammer(address: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        with closing(httpx.Client(base_url=address, headers=headers, timeout=60)) as client:
            while not stop.is_set():
                try:
                    answer = client.post("/api/v1/predict", json=BODY)
                    answers.append((answer.status_code, answer.json().get("model", answer.text)))
                except Exception as error:
                    failures.append(error)

    def wait_for_answers_of(version, after: int) -> None:
        deadline = time.monotonic() + 60
        while (200, str(version)) not in answers[after:]:
            assert time.monotonic() < deadline, f"{version} never served: {answers[-3:]}"
            time.sleep(0.02)

    with web_server(child_environment | {"REDIS_URL": redis_url}, tmp_path) as address:
        people = [threading.Thread(target=hammer, args=(address,)) for _ in range(PEOPLE)]
        for person in people:
            person.start()
        try:
            wait_for_answers_of(versions[0], 0)
            for switch in range(1, SWITCHES + 1):
                version, begun = versions[switch % 2], len(answers)
                promote(version, by=owner, reason=f"switch {switch}")
                wait_for_answers_of(version, begun)
        finally:
            stop.set()
            for person in people:
                person.join()

    assert failures == []
    assert {status for status, _ in answers} == {200}
    assert {model for _, model in answers} == {"v1", "v2"}
    assert len(answers) > SWITCHES * PEOPLE
