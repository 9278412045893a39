"""Rows that are written once."""

from typing import NoReturn

from django.db import models


class AppendOnlyError(TypeError):
    """Somebody tried to change or delete what is kept for ever."""


class AppendOnlyQuerySet(models.QuerySet):
    def _refuse(self, *args, **kwargs) -> NoReturn:
        raise AppendOnlyError(f"{self.model._meta.verbose_name_plural} are append-only.")

    update = delete = bulk_update = update_or_create = _refuse
    aupdate = adelete = abulk_update = aupdate_or_create = _refuse
    # What Model.save and cascading deletions call, where this is the base manager.
    _update = _raw_delete = _refuse

    def bulk_create(self, objs, *args, **kwargs):
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(objs, *args, **kwargs)


class AppendOnly(models.Model):
    """Insert, never update, never delete: what happened stays in the history."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{self} is kept for ever: add a new row instead.")
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args, **kwargs) -> NoReturn:
        raise AppendOnlyError(f"{self} is kept for ever.")
