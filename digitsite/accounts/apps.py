from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "digitsite.accounts"
    label = "accounts"
    verbose_name = "People"
