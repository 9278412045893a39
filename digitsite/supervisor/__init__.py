"""Keeps the site's processes alive on one machine: `manage.py up`."""
