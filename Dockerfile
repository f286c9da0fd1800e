# One image for each program: docker build --build-arg BINARY=worker -t REGISTRY/worker:TAG . (the binary must be in bin/linux already)
FROM gcr.io/distroless/static-debian12:nonroot
ARG BINARY
COPY bin/linux/${BINARY} /program
USER 65532:65532
ENTRYPOINT ["/program"]
