"""Where the templates and the migrations lie: beside the packages in a checkout, inside them in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(in_wheel: str, in_checkout: str) -> Path:
    installed = _PACKAGE / in_wheel
    return installed if installed.is_dir() else _PACKAGE.parent / in_checkout


TEMPLATES = _folder("_templates", "templates")
MIGRATIONS = _folder("_migrations", "alembic")
