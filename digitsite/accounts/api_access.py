"""Who calls the API, and the one shape in which it refuses."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from digitsite.accounts import tokens
from digitsite.accounts.models import User
from digitsite.accounts.roles import Capability
from digitsite.database_threads import in_database_thread


class ApiError(Exception):
    """An answer `{"error": {"code", "message", ...}}`; the code is stable, the message is for
    people."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def may(capability: Capability) -> list:
    """`auth=` of an operation: a Bearer token or a session, of somebody with the capability."""
    return [_Token(capability), _Session(capability)]


def may_async(capability: Capability) -> list:
    """The same for `async def` operations."""
    return [_AsyncToken(capability), _AsyncSession(capability)]


def _check(user: User, capability: Capability) -> User:
    if not user.can(capability):
        raise ApiError(403, "forbidden", f"Your roles do not include the right to {capability}.")
    return user


class _Token(HttpBearer):
    openapi_name = "Token"

    def __init__(self, capability: Capability) -> None:
        super().__init__()
        self.capability = capability

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return self._user(token)

    def _user(self, token: str) -> User:
        user = tokens.user_of(token)
        if user is None:
            raise ApiError(401, "bad_token", "This token is unknown or revoked.")
        return _check(user, self.capability)


class _AsyncToken(_Token):
    async def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return await in_database_thread(self._user, token)


class _Session(APIKeyCookie):
    """A signed-in browser; unsafe methods need the CSRF token in X-CSRFToken."""

    openapi_name = "Session"
    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, capability: Capability) -> None:
        super().__init__()
        self.capability = capability

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return self._user(request)

    def _user(self, request: HttpRequest) -> User | None:
        if not request.user.is_authenticated:
            return None
        return _check(request.user, self.capability)


class _AsyncSession(_Session):
    async def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        return await in_database_thread(self._user, request)
