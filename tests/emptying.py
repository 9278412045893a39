"""Empties the database after a test with real transactions, quickly.

Django's own way truncates every table and then makes content types, permissions and signals anew:
about a second a test on PostgreSQL. Deleting the few rows there are takes milliseconds, and what
migrations made, such as the roles, stays.
"""

from django.db import connections, transaction
from django.test import TransactionTestCase

from digitsite.accounts.roles import Role

MADE_BY_MIGRATIONS = {"django_migrations", "django_content_type", "auth_permission"}


def empty_tables(alias: str) -> None:
    """Deletes all rows that a test can have made. Foreign keys are checked at the commit."""
    connection = connections[alias]
    tables = set(connection.introspection.django_table_names(only_existing=True))
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        for table in sorted(tables - MADE_BY_MIGRATIONS - {"auth_group"}):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        roles = [str(role) for role in Role]
        places = ", ".join(["%s"] * len(roles))
        cursor.execute(f"DELETE FROM auth_group WHERE name NOT IN ({places})", roles)


def _fixture_teardown(self: TransactionTestCase) -> None:
    for alias in self._databases_names(include_mirrors=False):
        empty_tables(alias)


def install() -> None:
    TransactionTestCase._fixture_teardown = _fixture_teardown
