"""Calls of the API in tests: with a token, JSON in and out."""

import json
from typing import Any

from django.test import Client

from digitsite.accounts.models import User
from digitsite.accounts.tokens import create_token


class Caller:
    """A program that holds a token of this person's; None has none."""

    def __init__(self, person: User | None) -> None:
        key = create_token(person, "test")[1] if person else None
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        return self._answer(self.client.get(f"/api/v1{path}", query, headers=self.headers))

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body or {})
        return self._answer(
            self.client.post(
                f"/api/v1{path}", content, content_type="application/json", headers=self.headers
            )
        )

    @staticmethod
    def _answer(response) -> tuple[int, Any]:
        return response.status_code, json.loads(response.content)
