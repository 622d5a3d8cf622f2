# Provisor in a container: built from source, run by an unprivileged user.
# The root file system may be read-only; everything is written to /data. See docs/deploy.md.

FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release -p provisor

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin provisor \
 && install -d -o provisor -g provisor -m 0700 /data
COPY --from=build /src/target/release/provisor /usr/local/bin/provisor
COPY --from=build /src/LICENSE-MIT /src/LICENSE-APACHE /usr/share/doc/provisor/
USER 10001:10001
VOLUME /data
WORKDIR /data
# So that commands beside the server find it: docker exec NAME provisor tenant create acme
ENV PROVISOR_DATABASE=sqlite:/data/provisor.db
EXPOSE 7070
STOPSIGNAL SIGTERM
ENTRYPOINT ["provisor"]
CMD ["serve", "--listen", "0.0.0.0:7070"]
