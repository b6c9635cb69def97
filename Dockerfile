# Both programs for pipelines. Alpine and not an empty image: GitLab, Tekton and Jenkins need a shell in it.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p kubectl-bluegreen -p bluegreen-lint

FROM alpine:3.22
RUN apk add --no-cache ca-certificates && adduser -D -u 65532 bluegreen
COPY --from=build /src/target/release/kubectl-bluegreen /src/target/release/bluegreen-lint /usr/local/bin/
COPY --from=build /src/LICENSE /usr/local/share/kubectl-bluegreen/LICENSE
USER 65532:65532
WORKDIR /work
CMD ["kubectl-bluegreen", "--help"]
