import pytest

from digitsite.site_address import site_address


@pytest.mark.parametrize(
    ("bind", "https", "hosts", "address"),
    [
        ("127.0.0.1", False, [], "http://127.0.0.1:8123"),
        ("0.0.0.0", False, ["digits.example.org"], "http://localhost:8123"),
        ("0.0.0.0", True, ["digits.example.org", "other"], "https://digits.example.org"),
    ],
)
def test_the_address_is_one_that_people_can_open(settings, bind, https, hosts, address):
    settings.BIND, settings.HTTPS, settings.HOSTS, settings.PORT = bind, https, hosts, 8123
    assert site_address() == address
