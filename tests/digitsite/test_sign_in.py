"""The landing page, signing in and out, the account page and its password."""

import pytest
from django.urls import reverse

from digitsite.accounts.models import User
from digitsite.accounts.roles import Role
from tests.factories import TEST_PASSWORD, make_user

pytestmark = pytest.mark.django_db


def sign_in(client, username: str, password: str = TEST_PASSWORD, **more):
    return client.post(reverse("login"), {"username": username, "password": password, **more})


def test_a_stranger_sees_what_the_site_is_and_where_to_sign_in(client):
    page = client.get(reverse("landing")).content.decode()
    assert "handwritten digits" in page
    assert f'href="{reverse("login")}"' in page
    assert reverse("datasets") not in page


def test_who_is_signed_in_goes_from_the_landing_page_to_the_dashboard(client):
    client.force_login(make_user(Role.DRAWER))
    assert client.get(reverse("landing"))["Location"] == reverse("dashboard")


def test_signing_in_leads_to_the_page_that_was_asked_for(client):
    make_user(Role.DRAWER, "ada")
    asked = client.get(reverse("datasets"))["Location"]
    assert reverse("datasets") in client.get(asked).content.decode()
    assert sign_in(client, "ada", next=reverse("datasets"))["Location"] == reverse("datasets")


def test_signing_in_never_leads_to_another_site(client):
    make_user(Role.DRAWER, "ada")
    response = sign_in(client, "ada", next="https://elsewhere.example/")
    assert response["Location"] == reverse("dashboard")


def test_a_wrong_password_is_said_on_the_form(client):
    make_user(Role.DRAWER, "ada")
    response = sign_in(client, "ada", "wrong")
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_too_many_wrong_passwords_rest_the_account_even_for_the_right_one(client, settings):
    make_user(Role.DRAWER, "ada")
    for _ in range(settings.AXES_FAILURE_LIMIT):
        response = sign_in(client, "ada", "wrong")
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()
    assert sign_in(client, "ada").status_code == 429
    assert "_auth_user_id" not in client.session


def test_signing_out_needs_a_post_and_ends_on_the_landing_page(client):
    client.force_login(make_user(Role.DRAWER))
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout"))["Location"] == reverse("landing")
    assert client.get(reverse("dashboard")).status_code == 302


def test_a_changed_password_keeps_this_session_and_ends_the_others(client, django_user_model):
    user = make_user(Role.DRAWER)
    client.force_login(user)
    other = type(client)()
    other.force_login(user)
    new = "quite another password"
    response = client.post(
        reverse("password_change"),
        {"old_password": TEST_PASSWORD, "new_password1": new, "new_password2": new},
        follow=True,
    )
    assert "Your password is changed" in response.content.decode()
    assert User.objects.get(pk=user.pk).check_password(new)
    assert client.get(reverse("account")).status_code == 200
    assert other.get(reverse("account")).status_code == 302


def test_a_refused_new_password_says_why_beside_the_field(client):
    client.force_login(make_user(Role.DRAWER))
    page = client.post(
        reverse("password_change"),
        {"old_password": TEST_PASSWORD, "new_password1": "12345", "new_password2": "12345"},
    ).content.decode()
    assert "too short" in page
    assert 'id="id_new_password2_error"' in page
    assert 'aria-invalid="true"' in page


@pytest.mark.parametrize(
    ("role", "sentence"),
    [
        (Role.DRAWER, "draws digits"),
        (Role.RESEARCHER, "launches training runs"),
        (Role.REVIEWER, "settles what people drew"),
        (Role.ADMIN, "does everything"),
        (None, "no role yet"),
    ],
)
def test_the_account_page_says_what_a_person_may_do(client, role, sentence):
    client.force_login(make_user(role))
    assert sentence in client.get(reverse("account")).content.decode()


def test_the_admin_has_no_sign_in_page_of_its_own(client):
    start = reverse("admin:index")
    response = client.get(start, follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("login"))
    make_user(Role.ADMIN, "root")
    assert sign_in(client, "root", next=start)["Location"] == start
    assert client.get(start).status_code == 200


def test_who_may_not_administer_gets_a_refusal_not_a_loop(client):
    client.force_login(make_user(Role.RESEARCHER))
    response = client.get(reverse("admin:index"), follow=True)
    assert response.status_code == 403
