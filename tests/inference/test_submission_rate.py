"""Nobody fills the site with drawings: one limit for REST and for the studio."""

import pytest
from starlette.testclient import TestClient

from digitsite.accounts.limits import submissions
from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token
from inference.models import Drawing
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import DIAGONAL, make_version

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_at_once(monkeypatch):
    submissions.forget()
    monkeypatch.setattr(submissions, "burst", 2)
    monkeypatch.setattr(submissions, "per_second", 0.01)
    yield
    submissions.forget()


def test_the_limit_counts_rest_and_the_studio_together_and_each_person_alone(two_at_once):
    from digitsite.asgi import application

    promote(make_version(), by=None, reason="for the test")
    ada, bob = (
        {"Authorization": f"Bearer {create_token(make_user(Role.DRAWER, name), 'test')[1]}"}
        for name in ("ada", "bob")
    )
    body = {"strokes": DIAGONAL, "label": 3}
    studio_body = {"data": [DIAGONAL, 3]}
    with TestClient(application, base_url="http://localhost") as site:

        def rest(who):
            return site.post("/api/v1/drawings", json=body, headers=who)

        def studio(who):
            return site.post("/studio/gradio_api/run/submit", json=studio_body, headers=who)

        assert (rest(ada).status_code, studio(ada).status_code) == (201, 200)
        refused = rest(ada)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_often")
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        refused = studio(ada)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_often")
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert rest(bob).status_code == 201
    assert Drawing.objects.count() == 3
