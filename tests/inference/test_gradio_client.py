"""`gradio_client`, as a program has it, against a real web process."""

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError, AuthenticationError

from digitsite.accounts.roles import Role
from digitsite.accounts.tokens import create_token, revoke_token
from inference.models import Drawing
from inference.services.promotion import promote
from tests.factories import make_user
from tests.inference.rows import make_version
from tests.web_server import web_server

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

STROKES = [[[0.5, 0.2], [0.5, 0.5], [0.5, 0.8]]]


def test_a_token_is_all_that_gradio_client_needs(child_environment, tmp_path, redis_url):
    version = make_version()
    promote(version, by=None, reason="for the test")
    ada = make_user(Role.DRAWER, "ada")
    token, key = create_token(ada, "script")

    with web_server(child_environment | {"REDIS_URL": redis_url}, tmp_path) as address:
        studio = f"{address}/studio/"
        with pytest.raises(AuthenticationError):
            Client(studio, verbose=False)
        client = Client(studio, headers={"Authorization": f"Bearer {key}"}, verbose=False)

        answer = client.predict(STROKES, api_name="/predict")
        assert answer["model"] == str(version)
        assert len(answer["probabilities"]) == 10
        stored = client.predict(STROKES, 1, api_name="/submit")
        drawing = Drawing.objects.get(pk=stored["drawing"])
        assert (drawing.author, drawing.label) == (ada, 1)
        with pytest.raises(AppError, match="nothing"):
            client.predict([], api_name="/predict")

        revoke_token(ada, token.pk)
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            client.predict(STROKES, api_name="/predict")
        client.close()
