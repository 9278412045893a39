"""/healthz answers strangers, cheaply, and tells a load balancer the truth."""

import pytest
from django.db import DatabaseError, connection

from inference.services.promotion import promote
from tests.factories import make_succeeded_run

pytestmark = pytest.mark.django_db


def test_a_site_with_database_and_redis_is_healthy_even_before_its_first_model(client, redis_url):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {
        "process": "ok",
        "database": "ok",
        "redis": "ok",
        "production_model": None,
    }
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_production_model_is_named(client, redis_url):
    model = make_succeeded_run().model_version
    promote(model, by=None, reason="for the test")
    assert client.get("/healthz").json()["production_model"] == str(model)


def test_without_redis_the_site_is_not_healthy(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["redis"] == "unavailable"
    assert answer.json()["database"] == "ok"


def test_without_the_database_the_site_is_not_healthy(client, redis_url, monkeypatch):
    def refuse():
        raise DatabaseError("secret details of the server")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unavailable"
    assert "secret" not in answer.content.decode()


def test_it_only_reads(client):
    assert client.post("/healthz").status_code == 405
