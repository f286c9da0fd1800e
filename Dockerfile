# One image per binary: make docker-build. The binary is static and must be in bin/linux; all it needs beside it are the
# certificates of the authorities that sign Google's.
FROM alpine:3.22 AS certificates

FROM scratch
ARG BINARY
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY bin/linux/${BINARY} /program
USER 65532:65532
ENTRYPOINT ["/program"]
