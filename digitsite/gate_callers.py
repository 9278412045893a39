"""Who asks the studio: a session, the personal token of a program, or a share link; and how often
each of them may."""

from dataclasses import dataclass
from http.cookies import CookieError
from urllib.parse import quote

from django.conf import settings
from django.http import parse_cookie
from django.urls import reverse

from digitsite.accounts import tokens
from digitsite.accounts.limits import (
    address_key,
    pictures,
    predictions,
    submissions,
    visitor_predictions,
    visitor_submissions,
)
from digitsite.accounts.models import User
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import Capability
from digitsite.accounts.sessions import user_of_session
from digitsite.gate_answers import Refusal
from digitsite.gate_routes import endpoint_of
from inference.models import ShareLink
from inference.services.share_links import LinkOver, open_link, visitor_name

_LINK_STATUS = {"unknown": 404}
"""Why a link is over -> what its visitors get; 410 for whatever there was once."""


@dataclass(frozen=True)
class Caller:
    """Who was let in: a person, or a visitor of a share link."""

    name: str
    """What Gradio calls them."""

    user: User | None = None
    link: ShareLink | None = None


def person(scope, headers: dict[bytes, bytes]) -> Caller:
    """A program that sends a token is judged by the token alone. Raises Refusal."""
    authorization = headers.get(b"authorization")
    if authorization is None:
        user = identify(headers.get(b"cookie", b"").decode("latin-1"))
        if user is None:
            raise _sign_in(scope, headers)
    else:
        user = identify_token(authorization.decode("latin-1"))
        if user is None:
            raise Refusal(401, "bad_token", "This token is unknown or revoked.")
    if not user.can(Capability.DRAW):
        raise Refusal(403, "forbidden", "Your roles do not include the right to draw.")
    return Caller(user.username, user=user)


def visitor(scope, headers: dict[bytes, bytes], token: str, path: str) -> Caller:
    """Whoever has the address of a live link; nothing else about them counts. Raises Refusal.

    Only who has an account is kept from submitting: their hand has a fold of its own, and one hand
    must not be on both sides.
    """
    try:
        link = open_link(token)
    except LinkOver as over:
        if path == "/" and _opens_page(scope, headers):
            page = reverse("shared", args=[token])
            raise Refusal(302, "link_over", str(over), location=page) from None
        status = _LINK_STATUS.get(over.reason, 410)
        raise Refusal(status, f"link_{over.reason}", str(over)) from None
    if endpoint_of(path) == "submit":
        user = identify(headers.get(b"cookie", b"").decode("latin-1"))
        if user is not None and user.can(Capability.DRAW):
            raise Refusal(
                403,
                "has_account",
                f"You are signed in as {user.username}: hand in on the Draw page, so that your "
                "drawings are yours. Here you see what visitors see.",
            )
    return Caller(visitor_name(link), link=link)


def count(caller: Caller, scope, path: str) -> None:
    """One more call of an endpoint. Raises Refusal when there were too many.

    What a person submits, and their pictures, are counted where they are stored and read, since the
    queue's calls do not name their endpoint; here they are only refused early.
    """
    endpoint = endpoint_of(path)
    try:
        if caller.link is not None:
            client = scope.get("client")
            for who in (f"link {caller.link.pk}", address_key(client and client[0])):
                visitor_predictions.take(who)
                if endpoint == "submit":
                    visitor_submissions.take(who)
            return
        predictions.take(caller.user.pk)
        if endpoint.startswith("submit"):
            submissions.check(caller.user.pk)
        if endpoint.endswith("_picture"):
            pictures.check(caller.name)
    except TooOften as error:
        retry_after = error.retry_after_seconds
        raise Refusal(429, "too_often", str(error), retry_after=retry_after) from None


def identify_token(authorization: str) -> User | None:
    """The active owner of the live token in `Bearer TOKEN`; asks the database every time."""
    scheme, _, key = authorization.partition(" ")
    user = tokens.user_of(key.strip()) if scheme.lower() == "bearer" else None
    if user is not None:
        _ = user.capabilities  # read here, where the database may be asked
    return user


def identify(cookie_header: str) -> User | None:
    """The active user whose session the cookies name; asks the database every time."""
    try:
        cookies = parse_cookie(cookie_header)
    except CookieError:
        return None
    return user_of_session(cookies.get(settings.SESSION_COOKIE_NAME))


def _opens_page(scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser shows the answer as a page of its own."""
    is_document = headers.get(b"sec-fetch-dest", b"document") == b"document"
    return scope["method"] == "GET" and is_document and b"text/html" in headers.get(b"accept", b"")


def _sign_in(scope, headers: dict[bytes, bytes]) -> Refusal:
    """People who open the page are led to the sign-in page, programs and scripts get a 401."""
    if _opens_page(scope, headers):
        target = f"{reverse('login')}?next={quote(scope['path'])}"
        return Refusal(302, "not_signed_in", "Sign in first.", location=target)
    return Refusal(401, "not_signed_in", "Sign in first.")
