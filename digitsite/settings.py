"""One settings file, driven by the environment. docs/settings.md lists every variable.

Without any variable it is a private single-machine site: SQLite, files and the embedded Redis
under `var/`. Whoever serves other machines sets DIGITSITE_HOSTS, DIGITSITE_HTTPS, DATABASE_URL
and REDIS_URL.
"""

import os
import secrets
from pathlib import Path

import dj_database_url
from csp.constants import NONCE, NONE, SELF

from digitsite import environment
from digitsite.file_storage import storage_for
from digitsite.sqlite import sqlite_options

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = environment.path("DIGITSITE_HOME", BASE_DIR / "var")

DEBUG = environment.boolean("DIGITSITE_DEBUG", False)

# Where `manage.py up` listens, and the administrator it makes on an empty database.
BIND = environment.text("DIGITSITE_BIND") or "127.0.0.1"
PORT = environment.integer("PORT", 8000, minimum=1, maximum=65535)
ADMIN_USERNAME = environment.text("DIGITSITE_ADMIN_USERNAME") or "admin"
ADMIN_PASSWORD = environment.text("DIGITSITE_ADMIN_PASSWORD")


def _secret_key() -> str:
    """From the environment, else from a private file made at the first start."""
    key = environment.text("DIGITSITE_SECRET_KEY")
    if key:
        return key
    file = HOME / "secret_key"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            fresh = file.with_name(f".secret_key.{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(50))
            try:
                os.link(fresh, file)  # whole at once; fails if another process was quicker
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return file.read_text()
    except OSError:  # a home that cannot be written: `up` and `doctor` say so in a sentence
        return secrets.token_urlsafe(50)


SECRET_KEY = _secret_key()

HTTPS = environment.boolean("DIGITSITE_HTTPS", False)
HOSTS = environment.words("DIGITSITE_HOSTS", [])
# This machine itself is always allowed: health checks ask from there.
ALLOWED_HOSTS = [*HOSTS, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in HOSTS if host != "*"] if HTTPS else []

INSTALLED_APPS = [
    "digitsite.accounts",
    "digitsite",
    "training",
    "inference",
    "digitsite.admin_site.DigitsiteAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "ninja",  # its documentation page's own scripts
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "digitsite.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "digitsite.urls"
ASGI_APPLICATION = "digitsite.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "digitsite.accounts.context.capabilities",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        environment.text("DATABASE_URL") or f"sqlite:///{HOME / 'digitsite.sqlite3'}",
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = sqlite_options()

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "digitsite.accounts.backends.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "landing"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "digitsite.accounts.views.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"  # the Draw page frames the studio of the same origin
SILENCED_SYSTEM_CHECKS = ["security.W019"]  # ... which is the good reason it asks for

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, "'unsafe-inline'"],  # plotly sets styles from script
        "img-src": [SELF, "data:", "blob:"],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    }
}

# --- files ------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "digitsite.static_files.PlotlyFinder",
]
MEDIA_ROOT = HOME / "files"
STORAGES = {
    "default": storage_for(environment.text("DIGITSITE_FILES_URL")),
    "staticfiles": {"BACKEND": "digitsite.static_files.StaticFilesStorage"},
}
# A storage on another machine may be away for so long before a run or an evaluation fails.
FILES_PATIENCE_SECONDS = environment.number("FILES_PATIENCE_SECONDS", 120, minimum=0, maximum=3600)
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# --- uploads of datasets (docs/datasets.md) ----------------------------------------------------

_MIB = 1024 * 1024
UPLOAD_MAX_BYTES = environment.integer(
    "UPLOAD_MAX_BYTES", 512 * _MIB, minimum=_MIB, maximum=1024**4
)
UPLOAD_MAX_UNPACKED_BYTES = environment.integer(
    "UPLOAD_MAX_UNPACKED_BYTES", 1024 * _MIB, minimum=_MIB, maximum=1024**4
)
UPLOAD_MAX_MEMBERS = environment.integer(
    "UPLOAD_MAX_MEMBERS", 200_000, minimum=1, maximum=10_000_000
)
UPLOAD_MAX_RATIO = environment.number("UPLOAD_MAX_RATIO", 200, minimum=1, maximum=2000)
UPLOAD_MAX_PIXELS = environment.integer(
    "UPLOAD_MAX_PIXELS", 4_000_000, minimum=784, maximum=24_000_000
)

# --- language and time ------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = environment.text("TZ", "UTC") or "UTC"
USE_I18N = False
USE_TZ = True

# --- Redis and Celery -------------------------------------------------------------------------


def _redis_url() -> str:
    """REDIS_URL, else the address that a running `manage.py up` left for other commands."""
    url = environment.text("REDIS_URL")
    if url:
        return url
    try:
        return (HOME / "run" / "redis.url").read_text().strip()
    except OSError:
        return "redis://127.0.0.1:6379/0"


REDIS_URL = _redis_url()
REDIS_KEY_PREFIX = environment.text("DIGITSITE_REDIS_PREFIX", "digitsite:")

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": REDIS_KEY_PREFIX,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"training.tasks.wake_trainer": {"queue": "train"}}

# --- training runs (docs/reliability.md) -------------------------------------------------------

RUN_LEASE_SECONDS = environment.number("RUN_LEASE_SECONDS", 60, minimum=1, maximum=3600)
RUN_HEARTBEAT_SECONDS = environment.number("RUN_HEARTBEAT_SECONDS", 10, minimum=0.1, maximum=600)
KEEPER_INTERVAL_SECONDS = environment.number("KEEPER_INTERVAL_SECONDS", 5, minimum=0.1, maximum=600)
RUN_MAX_ATTEMPTS = environment.integer("RUN_MAX_ATTEMPTS", 3, minimum=1, maximum=100)
RUN_DEADLINE_SECONDS = environment.number(
    "RUN_DEADLINE_SECONDS", 6 * 3600, minimum=60, maximum=7 * 24 * 3600
)
# TensorFlow's threads in a trainer; 0 is one for each CPU that the process may use.
TRAIN_THREADS = environment.integer("TRAIN_THREADS", 0, minimum=0, maximum=1024)
REVIEWS_REQUIRED = environment.integer("REVIEWS_REQUIRED", 1, minimum=1, maximum=5)

# --- how often (docs/settings.md): PER_SECOND/AT_ONCE, in each web process --------------------

RATE_PREDICTIONS = environment.rate("RATE_PREDICTIONS", "500/30000")
RATE_PICTURES = environment.rate("RATE_PICTURES", "200/20000")
RATE_DRAWINGS = environment.rate("RATE_DRAWINGS", "10/600")
RATE_UPLOADS = environment.rate("RATE_UPLOADS", "0.02/20")
RATE_EXPORTS = environment.rate("RATE_EXPORTS", "0.1/10")
RATE_SIGN_INS = environment.rate("RATE_SIGN_INS", "1/60")
RATE_VISITOR_PREDICTIONS = environment.rate("RATE_VISITOR_PREDICTIONS", "500/10000")
RATE_VISITOR_DRAWINGS = environment.rate("RATE_VISITOR_DRAWINGS", "5/300")
STREAMS_PER_PERSON = environment.integer("STREAMS_PER_PERSON", 4, minimum=1, maximum=1000)
STUDIO_STREAMS_PER_PERSON = environment.integer(
    "STUDIO_STREAMS_PER_PERSON", 64, minimum=1, maximum=10_000
)
STREAMS_TOTAL = environment.integer("STREAMS_TOTAL", 200, minimum=1, maximum=100_000)

# --- logs ---------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": environment.text("DIGITSITE_LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "axes": {"level": "WARNING"}},
}
