"""Names of the environment variables that the settings read, taken from their source."""

import ast
from pathlib import Path

from django.conf import settings

SOURCE = Path(settings.BASE_DIR) / "digitsite" / "settings.py"


def names_read_by_settings() -> set[str]:
    """First arguments of `environment.<reader>("NAME", ...)`."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "environment"
    }
