"""The site's own settings, moved into a private folder and cut off from the machine's services.

The database is a file even on SQLite, so that threads and other processes can open it. Where
DIGITSITE_TEST_POSTGRES_URL is set, the tests run on that server instead.
"""

import atexit
import os
import shutil
import tempfile

TEST_HOME = tempfile.mkdtemp(prefix="digitsite-tests-")
atexit.register(shutil.rmtree, TEST_HOME, ignore_errors=True)

for name in [name for name in os.environ if name.startswith(("DIGITSITE_", "RUN_", "KEEPER_"))]:
    if not name.startswith("DIGITSITE_TEST_"):
        del os.environ[name]
os.environ.update(
    DIGITSITE_HOME=TEST_HOME,
    DIGITSITE_SECRET_KEY="only-for-tests-" + "x" * 50,
    DATABASE_URL=os.environ.get("DIGITSITE_TEST_POSTGRES_URL", ""),
    REDIS_URL="redis://127.0.0.1:1/0",  # nobody listens: a test that wants Redis asks for it
)

from digitsite.settings import *  # noqa: E402, F403
from digitsite.settings import DATABASES, HOME  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = "memory://"
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": HOME / "test.sqlite3"}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["TEST"] = {"NAME": f"test_digitsite_{os.getpid()}"}
    DATABASES["default"]["OPTIONS"] = {"options": "-c synchronous_commit=off"}
(HOME / "static").mkdir(exist_ok=True)  # WhiteNoise warns about a missing folder
