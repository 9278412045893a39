from django.shortcuts import render

from digitsite.accounts.access import requires
from digitsite.accounts.roles import Capability


@requires(Capability.DRAW)
def draw(request):
    """The page around the studio, which is framed from the same origin."""
    return render(request, "inference/draw.html")
