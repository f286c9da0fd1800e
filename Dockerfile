# The images for those who have Docker alone: docker build --target=worker --build-arg=VERSION=v1.2.3 .
# `make images` makes the same files without Docker, for both processors, and the same bytes each time.
ARG GO_VERSION=1.26
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY tools/ship/go.mod tools/ship/go.sum tools/ship/
RUN go mod download && go -C tools/ship mod download
COPY . .
ARG VERSION=v0.0.0-docker
ARG TARGETARCH

FROM build AS build-worker
RUN go -C tools/ship run . rootfs --program=worker --arch=${TARGETARCH} --version=${VERSION} --out=/rootfs
FROM build AS build-backlog-exporter
RUN go -C tools/ship run . rootfs --program=backlog-exporter --arch=${TARGETARCH} --version=${VERSION} --out=/rootfs
FROM build AS build-spillway
RUN go -C tools/ship run . rootfs --program=spillway --arch=${TARGETARCH} --version=${VERSION} --out=/rootfs

FROM scratch AS worker
COPY --from=build-worker /rootfs /
USER 65532:65532
ENTRYPOINT ["/worker"]

FROM scratch AS backlog-exporter
COPY --from=build-backlog-exporter /rootfs /
USER 65532:65532
ENTRYPOINT ["/backlog-exporter"]

FROM scratch AS spillway
COPY --from=build-spillway /rootfs /
USER 65532:65532
ENTRYPOINT ["/spillway"]
