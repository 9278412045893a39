"""DIGITSITE_FILES_URL: where the site's files are kept, as an entry of Django's STORAGES."""

from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

LOCAL = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
_EXAMPLE = "s3://bucket/prefix?endpoint=https://host:9000&region=eu-central-1"


def storage_for(url: str) -> dict:
    """The folder `files` of the home for an empty URL, else a bucket that speaks S3.

    The keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from wherever else boto3
    finds them. Raises ImproperlyConfigured for a URL that is not understood.
    """
    if not url:
        return LOCAL
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = options.pop("endpoint", None)
    region = options.pop("region", None)
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
        raise _refused("it is not an address of a bucket")
    if options:
        raise _refused(f"nobody knows the option {min(options)!r}")
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise _refused("the endpoint is not an http or https address")
    return {
        "BACKEND": "digitsite.object_storage.ObjectStorage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": parts.path.strip("/"),
            "endpoint_url": endpoint,
            "region_name": region,
        },
    }


def _refused(reason: str) -> ImproperlyConfigured:
    # Not the URL itself: somebody may have written a password into it.
    return ImproperlyConfigured(f"DIGITSITE_FILES_URL: {reason}. It looks like {_EXAMPLE}")
