# syntax=docker/dockerfile:1
# docker build --tag lookhear .                          the service on processors
# docker build --target cuda --tag lookhear:cuda .       the same with ONNX Runtime and CTranslate2 on CUDA
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/lookhear
COPY requirements-service.lock requirements-cuda.lock ./

FROM tools AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-deps --wheel-dir /wheel .

FROM tools AS cpu-packages
RUN pip --python /opt/lookhear/bin/python install --no-deps --only-binary :all: --requirement requirements-service.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/lookhear/bin/python install --no-deps /wheel/*.whl && pip --python /opt/lookhear/bin/python check

# onnxruntime and onnxruntime-gpu are two packages of one module: only one may be there.
FROM tools AS cuda-packages
RUN sed --in-place '/^onnxruntime==/d' requirements-service.lock
RUN pip --python /opt/lookhear/bin/python install --no-deps --only-binary :all: \
    --requirement requirements-service.lock --requirement requirements-cuda.lock
COPY --from=wheel /wheel /wheel
RUN pip --python /opt/lookhear/bin/python install --no-deps /wheel/*.whl

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --system --uid 10001 --gid 0 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin lookhear \
    && install --directory --owner 10001 --group 0 --mode 0775 /data /models
ENV PATH=/opt/lookhear/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8000 STORAGE_DIR=/data MODEL_CACHE_DIR=/models
WORKDIR /opt
USER 10001:0
VOLUME ["/data", "/models"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/health/ready', timeout=4)"]
CMD ["lookhear", "serve"]

FROM runtime AS cuda
COPY --from=cuda-packages /opt/lookhear /opt/lookhear
ARG NVIDIA=/opt/lookhear/lib/python3.11/site-packages/nvidia
ENV LD_LIBRARY_PATH=${NVIDIA}/cu13/lib:${NVIDIA}/cudnn/lib:${NVIDIA}/cublas/lib:${NVIDIA}/cuda_nvrtc/lib \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM runtime AS cpu
COPY --from=cpu-packages /opt/lookhear /opt/lookhear
