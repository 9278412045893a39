import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from digitsite.accounts import tokens
from digitsite.accounts.models import ApiToken
from digitsite.accounts.roles import Role
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return make_user(Role.DRAWER)


@pytest.fixture
def browser(person):
    client = Client()
    client.force_login(person, backend="digitsite.accounts.backends.RoleBackend")
    return client


def test_the_key_itself_is_not_stored(person):
    token, key = tokens.create_token(person, "notebook")
    stored = ApiToken.objects.values().get(pk=token.pk)
    assert key not in map(str, stored.values())
    assert tokens.user_of(key) == person


def test_a_use_is_noted(person):
    token, key = tokens.create_token(person, "notebook")
    tokens.user_of(key)
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_name_is_needed(person):
    with pytest.raises(tokens.TokenError, match="1 to 60"):
        tokens.create_token(person, "  ")


def test_there_is_an_end_to_the_number_of_tokens(person):
    for number in range(tokens.TOKENS_PER_PERSON):
        tokens.create_token(person, f"t{number}")
    with pytest.raises(tokens.TokenError, match="revoke one"):
        tokens.create_token(person, "one more")


def test_the_account_page_shows_a_new_key_once(browser, person):
    made = browser.post(reverse("token_create"), {"name": "notebook"})
    key = made.context["new_key"]
    assert made.status_code == 201
    assert key in made.content.decode()
    assert key not in browser.get(reverse("account")).content.decode()


def test_nobody_revokes_the_token_of_somebody_else(browser):
    token, _ = tokens.create_token(make_user(Role.ADMIN), "theirs")
    assert browser.post(reverse("token_revoke", args=[token.pk])).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_the_command_prints_a_key_that_works(person):
    out = io.StringIO()
    call_command("create_token", person.username, stdout=out)
    assert tokens.user_of(out.getvalue().strip()) == person


def test_the_command_names_a_person_it_does_not_know():
    with pytest.raises(CommandError, match="no active person 'ghost'"):
        call_command("create_token", "ghost")
