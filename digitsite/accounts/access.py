"""Guards for views: sign-in first, then the capability."""

from collections.abc import Callable
from functools import wraps

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django_htmx.http import HttpResponseClientRedirect

from digitsite.accounts.roles import Capability


def _decide(request: HttpRequest, capability: Capability) -> HttpResponse | None:
    """None when allowed; the sign-in redirect for strangers; 403 for people without the right."""
    if not request.user.is_authenticated:
        if request.htmx:  # it would follow a redirect and put the sign-in page inside the page
            back = request.htmx.current_url_abs_path or "/"
            return HttpResponseClientRedirect(redirect_to_login(back).url)
        return redirect_to_login(request.get_full_path())
    if not request.user.can(capability):
        raise PermissionDenied(f"Your roles do not include the right to {capability}.")
    return None


def requires(capability: Capability) -> Callable:
    """View decorator, for plain and for async views."""

    def decorate(view: Callable) -> Callable:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request, *args, **kwargs):
                refusal = await sync_to_async(_decide)(request, capability)
                return refusal or await view(request, *args, **kwargs)
        else:

            @wraps(view)
            def guarded(request, *args, **kwargs):
                return _decide(request, capability) or view(request, *args, **kwargs)

        guarded.required_capability = capability
        return guarded

    return decorate
