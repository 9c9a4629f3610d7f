# The program as a container: docker build -t market-data .
# PYTHON_IMAGE is any image with Python 3.11 or newer; it runs as nobody in particular and needs no writable disk.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv /opt/market-data
COPY requirements-fast.lock ./
RUN /opt/market-data/bin/pip install --no-cache-dir --require-hashes -r requirements-fast.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY src src
RUN /opt/market-data/bin/pip install --no-cache-dir --no-deps .

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/market-data /opt/market-data
COPY config /app/config
COPY src/app /app/app
WORKDIR /app
ENV PATH=/opt/market-data/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 APP_ENV=docker
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["market-data"]
CMD ["produce"]
