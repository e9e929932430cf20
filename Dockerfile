# syntax=docker/dockerfile:1
# The server in a small image: built in the first stage, run by a user without rights in the second.

FROM swift:6.1-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The dependencies in a layer of their own: it is made again only when they change.
COPY Package.* ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product levqor-server --static-swift-stdlib \
    && install -D -m 0755 "$(swift build -c release --show-bin-path)/levqor-server" /out/levqor-server

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libcurl4 libpq5 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --no-create-home --home-dir /run/levqor --shell /usr/sbin/nologin levqor \
    && install -d -o levqor -g levqor -m 0750 /run/levqor
COPY --from=build /out/levqor-server /usr/bin/levqor-server
# Found from the binary's place: ../share/levqor/sql.
COPY sql /usr/share/levqor/sql
USER levqor
WORKDIR /run/levqor
ENV LEVQOR_HOST=0.0.0.0 \
    LEVQOR_PORT=8080 \
    LEVQOR_ADMIN_HOST=0.0.0.0 \
    LEVQOR_ADMIN_PORT=9464 \
    LEVQOR_DIRECTORY=/run/levqor
EXPOSE 8080 9464
# The server drains for up to 20 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["curl", "--silent", "--fail", "--max-time", "4", "--output", "/dev/null", "http://127.0.0.1:8080/ready"]
ENTRYPOINT ["/usr/bin/levqor-server"]
CMD ["serve"]
