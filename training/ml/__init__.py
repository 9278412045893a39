"""The pure core: arrays in, arrays out. No Django, no Celery, no database."""
