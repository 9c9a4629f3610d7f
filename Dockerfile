# The program as a container: docker build -t market-data .
# PYTHON_IMAGE is any image with Python 3.11 or newer; it runs as nobody in particular and needs no writable disk.
# With --build-arg NATIVE=1 the native book engine is built, in RUST_IMAGE: an image with Python's pip and Rust 1.85 or
# newer, or one of Debian with pip, to which cargo is added.
ARG PYTHON_IMAGE=python:3.13-slim
ARG RUST_IMAGE=${PYTHON_IMAGE}
ARG NATIVE=0

FROM ${RUST_IMAGE} AS native
ARG NATIVE
WORKDIR /build
COPY native native
RUN mkdir /wheels && { [ "$NATIVE" = 0 ] || command -v cargo >/dev/null || { apt-get update && apt-get install -y --no-install-recommends cargo; }; }
RUN [ "$NATIVE" = 0 ] || python3 -m pip wheel --no-cache-dir --no-deps -w /wheels ./native

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv /opt/market-data
COPY requirements-fast.lock ./
RUN /opt/market-data/bin/pip install --no-cache-dir --require-hashes -r requirements-fast.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY src src
RUN /opt/market-data/bin/pip install --no-cache-dir --no-deps .
COPY --from=native /wheels /wheels
RUN for wheel in /wheels/*.whl; do [ ! -f "$wheel" ] || /opt/market-data/bin/pip install --no-cache-dir --no-deps "$wheel"; done

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="market-data" \
      org.opencontainers.image.description="Order books of crypto exchanges, checked, normalised, and delivered in order through Kafka" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/market-data /opt/market-data
COPY config /app/config
COPY src/app /app/app
WORKDIR /app
ENV PATH=/opt/market-data/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 APP_ENV=docker
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["market-data"]
CMD ["produce"]
