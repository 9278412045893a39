from digitsite.accounts.roles import Capability


def capabilities(request) -> dict[str, dict[str, bool]]:
    """`{% if can.review %}` in every template."""
    user = getattr(request, "user", None)
    held = user.capabilities if user is not None and user.is_authenticated else frozenset()
    return {"can": {capability.value: capability in held for capability in Capability}}
