# One image for every process of the site; docker-compose.yml says which command each one runs.
FROM python:3.12-slim-bookworm AS build
WORKDIR /app
COPY requirements/base.txt requirements/
RUN python -m venv /app/.venv \
    && /app/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-deps --require-hashes -r requirements/base.txt

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin digitsite \
    && install -d -o digitsite -g digitsite -m 0750 /var/lib/digitsite
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY manage.py ./
COPY digitsite digitsite
COPY training training
COPY inference inference
COPY templates templates
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DIGITSITE_HOME=/var/lib/digitsite
RUN python -m compileall -q digitsite training inference
USER digitsite
VOLUME /var/lib/digitsite
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "digitsite.asgi:application", "--host", "0.0.0.0", "--port", "8000"]
