from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from digitsite.accounts import limits, tokens
from digitsite.accounts.rate import TooOften
from digitsite.accounts.roles import CAPABILITIES, Role


class SignIn(LoginView):
    template_name = "registration/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            limits.sign_ins.take(limits.address_key(request.META.get("REMOTE_ADDR")))
        except TooOften as error:
            context = {"too_often": str(error)}
            response = render(request, "registration/locked_out.html", context, status=429)
            response["Retry-After"] = str(error.retry_after_seconds)
            return response
        return super().post(request, *args, **kwargs)


def locked_out(request: HttpRequest, *of_axes) -> HttpResponse:
    """The answer while django-axes lets an account rest after wrong passwords."""
    context = {
        "username": request.POST.get("username", ""),
        "failure_limit": settings.AXES_FAILURE_LIMIT,
    }
    response = render(request, "registration/locked_out.html", context, status=429)
    response["Retry-After"] = str(round(settings.AXES_COOLOFF_TIME * 3600))
    return response


class ChangePassword(PasswordChangeView):
    template_name = "registration/password_change.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, "Your password is changed. Other devices are signed out.")
        return response


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Who the person is here, what their roles let them do, and their tokens for programs."""
    return _account(request)


@require_POST
@never_cache
@login_required
def token_create(request: HttpRequest) -> HttpResponse:
    """Makes a token and shows its key, on this answer only."""
    try:
        token, key = tokens.create_token(request.user, request.POST.get("name", ""))
    except tokens.TokenError as error:
        return _account(request, token_error=str(error), status=422)
    return _account(request, new_token=token, new_key=key, status=201)


@require_POST
@login_required
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    if not tokens.revoke_token(request.user, pk):
        raise Http404("You have no such token.")
    messages.success(request, "The token is revoked. Programs that use it are refused from now on.")
    return redirect("account")


def _account(request: HttpRequest, status: int = 200, **context) -> HttpResponse:
    names = set(request.user.groups.values_list("name", flat=True))
    roles = [role for role in Role if role in names]
    return render(
        request,
        "registration/account.html",
        {
            "roles": [ROLE_SENTENCES[role] for role in roles],
            "all_rights": request.user.is_superuser and Role.ADMIN not in roles,
            "no_rights": not request.user.capabilities,
            "tokens": tokens.live_tokens(request.user),
            **context,
        },
        status=status,
    )


# One sentence a role; a test holds it against the table of capabilities.
ROLE_SENTENCES: dict[Role, dict[str, str]] = {
    Role.DRAWER: {"name": "Drawer", "may": "draws digits and sees everything the site learns."},
    Role.RESEARCHER: {
        "name": "Researcher",
        "may": "draws, launches training runs and downloads models.",
    },
    Role.REVIEWER: {"name": "Reviewer", "may": "draws, and settles what people drew."},
    Role.ADMIN: {
        "name": "Administrator",
        "may": "does everything: promotes models, manages every run and person.",
    },
}
assert ROLE_SENTENCES.keys() == CAPABILITIES.keys()
