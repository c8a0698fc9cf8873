# The service in one image. It trains on a GPU where the container is given one, else on the CPU.
#
#   docker build -t bessemer .
#
# PIP_EXTRA_INDEX_URL as a build argument chooses other wheels, for instance PyTorch's smaller ones without CUDA.
FROM python:3.12-slim

ARG PIP_EXTRA_INDEX_URL
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY client client
COPY server server
RUN pip install -c constraints.txt ".[server,postgres]"

# All state lies in one place, and nothing runs as root.
RUN useradd --create-home --uid 1000 bessemer && install -d -o bessemer -g bessemer /data
USER bessemer
WORKDIR /data
VOLUME /data
ENV BESSEMER_DATA_DIR=/data BESSEMER_LISTEN=0.0.0.0:50051
EXPOSE 50051

HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import grpc; from grpc_health.v1 import health_pb2 as m, health_pb2_grpc as s; r = s.HealthStub(grpc.insecure_channel('localhost:50051')).Check(m.HealthCheckRequest(), timeout=2); raise SystemExit(r.status != m.HealthCheckResponse.SERVING)"]

ENTRYPOINT ["bessemer-server"]
