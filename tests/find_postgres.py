"""Prints the URL of a PostgreSQL that lets us make databases; nothing where none answers.

DIGITSITE_TEST_POSTGRES_URL names one, or `none`; else the usual local ones are tried.
"""

import os
import sys

import psycopg

USUAL = (
    "postgres://postgres@127.0.0.1:5432/postgres",
    "postgres://postgres:postgres@127.0.0.1:5432/postgres",
    "postgres://root@127.0.0.1:5432/postgres",
)


def may_make_databases(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            return connection.execute(query).fetchone() == (True,)
    except psycopg.Error:
        return False


def main() -> None:
    named = os.environ.get("DIGITSITE_TEST_POSTGRES_URL", "")
    if named == "none":
        return
    if named and not may_make_databases(named):
        sys.exit("DIGITSITE_TEST_POSTGRES_URL does not answer or may not create databases.")
    found = named or next((url for url in USUAL if may_make_databases(url)), "")
    sys.stdout.write(found)


if __name__ == "__main__":
    main()
