"""Who a session belongs to at this moment, for code outside Django's request cycle."""

from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from digitsite.accounts.models import User


def user_of_session(key: str | None) -> User | None:
    """The active user who is signed in with this session; asks the database every time, so a
    sign-out, a closed account or a lost role is seen at once."""
    if not key:
        return None
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    if not user.is_authenticated:
        return None
    _ = user.capabilities  # read here, where the database may be asked
    return user
