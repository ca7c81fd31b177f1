# The images of Kafka-ML, a target each: api control scheduler trainer inferer guest-tensorflow cli scheduler-local.
#
# What others wrote is installed from uv.lock in stages that see no code of ours; our own wheels come in a layer above. So a change
# of code installs nothing again and adds a few hundred kB. Tools that build stay in the stages that build.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# --- Stages that build ---

FROM ${PYTHON_IMAGE} AS manifests
COPY . /src
RUN find /src -type f ! -name pyproject.toml ! -name uv.lock -delete && find /src -depth -type d -empty -delete

FROM ${PYTHON_IMAGE} AS installer
ARG UV_VERSION=0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/kafka-ml \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    # The same code gives the same bytecode, whenever it is installed; images don't change, so nothing compares it again.
    PYC_INVALIDATION_MODE=UNCHECKED_HASH
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore uv==${UV_VERSION} \
    && uv venv --quiet --python "$(command -v python)" /opt/kafka-ml
WORKDIR /src

# The web UI. Node comes from uv.lock, too; nothing of it gets into an image.
FROM installer AS node
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-install-workspace --only-group web

FROM node AS web-packages
COPY web/package.json web/package-lock.json /web/
RUN --mount=type=cache,target=/root/.npm PATH=/opt/kafka-ml/bin:$PATH npm --prefix /web ci --silent --no-audit --no-fund

FROM web-packages AS web
COPY web /web
RUN cd /web && PATH=/opt/kafka-ml/bin:$PATH npm run --silent build -- --outDir /built

FROM installer AS wheels
RUN --mount=type=bind,target=/src,rw --mount=type=bind,from=web,source=/built,target=/src/services/api/src/kafka_ml_api/web \
    --mount=type=cache,target=/root/.cache/uv \
    uv build --quiet --all-packages --wheel --out-dir /wheels

# Packages of others, by what is the same for several images.

FROM installer AS api-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-api

FROM installer AS control-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-control

FROM installer AS scheduler-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-scheduler

FROM installer AS host-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-trainer --package kafka-ml-inferer

FROM installer AS guest-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-sandbox --extra tensorflow \
    # Headers for building operations in C++: a sixth of the image that nothing reads at run time.
    && rm -rf /opt/kafka-ml/lib/python*/site-packages/tensorflow/include

FROM installer AS cli-packages
RUN --mount=type=bind,from=manifests,source=/src,target=/src --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --no-install-workspace --no-build --package kafka-ml-cli

# Our own code, each image's in a folder to be laid over its packages.

FROM installer AS ours
ENV OURS="--quiet --no-deps --no-index --find-links /wheels --python /opt/kafka-ml/bin/python --prefix"
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    uv pip install $OURS /ours/api kafka-ml-common kafka-ml-api \
    && uv pip install $OURS /ours/control kafka-ml-common kafka-ml-control \
    && uv pip install $OURS /ours/scheduler kafka-ml-common kafka-ml-scheduler \
    && uv pip install $OURS /ours/trainer kafka-ml-common kafka-ml-sandbox kafka-ml-trainer \
    && uv pip install $OURS /ours/inferer kafka-ml-common kafka-ml-sandbox kafka-ml-inferer \
    # Their guest modules stand on the sandbox alone; what reads Kafka and the object store can't even be imported there.
    && uv pip install $OURS /ours/guest kafka-ml-sandbox kafka-ml-trainer kafka-ml-inferer \
    && uv pip install $OURS /ours/cli kafka-ml-common kafka-ml-sinks kafka-ml-cli \
    && uv pip install $OURS /ours/scheduler-local kafka-ml-common kafka-ml-sandbox kafka-ml-scheduler kafka-ml-trainer kafka-ml-inferer \
    # The time of installation, which would make every image a new one with any change of code.
    && find /ours -name uv_cache.json -delete && find /ours -name RECORD -exec sed -i /uv_cache.json/d {} +

# --- Stages that run ---

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/kafka-ml/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    # A working folder that somebody can write to is no place to import from.
    PYTHONSAFEPATH=1
LABEL org.opencontainers.image.vendor="Kafka-ML" org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /

FROM base AS service
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin kafka-ml \
    && install --directory --owner 10001 --group 10001 --mode 0750 /state
ENV KAFKA_ML_STATE_FOLDER=/state
USER 10001:10001

FROM base AS host
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin kafka-ml \
    && install --directory --owner 10001 --group 10001 --mode 0750 /work \
    && install --directory --owner 10001 --group 10001 --mode 0755 /guest /guest/run /guest/shared /guest/scratch
ENV KAFKA_ML_WORK_FOLDER=/work
COPY --from=host-packages /opt/kafka-ml /opt/kafka-ml
USER 10001:10001

FROM service AS api
COPY --from=api-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/api /opt/kafka-ml
EXPOSE 8000
ENTRYPOINT ["python", "-m", "kafka_ml_api"]
LABEL org.opencontainers.image.title="Kafka-ML API" org.opencontainers.image.description="REST, commands, live updates and projections of Kafka-ML"

FROM service AS control
COPY --from=control-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/control /opt/kafka-ml
ENTRYPOINT ["python", "-m", "kafka_ml_control"]
LABEL org.opencontainers.image.title="Kafka-ML control" org.opencontainers.image.description="Matches data streams with the deployments that await them"

FROM service AS scheduler
COPY --from=scheduler-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/scheduler /opt/kafka-ml
ENTRYPOINT ["python", "-m", "kafka_ml_scheduler"]
LABEL org.opencontainers.image.title="Kafka-ML scheduler" org.opencontainers.image.description="Turns desired state into running work on Kubernetes"

FROM host AS trainer
COPY --from=ours /ours/trainer /opt/kafka-ml
ENTRYPOINT ["python", "-m", "kafka_ml_trainer"]
LABEL org.opencontainers.image.title="Kafka-ML trainer" org.opencontainers.image.description="Trains and validates models, whose code runs in the guest image"

FROM host AS inferer
COPY --from=ours /ours/inferer /opt/kafka-ml
ENTRYPOINT ["python", "-m", "kafka_ml_inferer"]
LABEL org.opencontainers.image.title="Kafka-ML inferer" org.opencontainers.image.description="Predicts between Kafka topics, with a model that runs in the guest image"

FROM base AS guest-tensorflow
RUN useradd --uid 10002 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin guest \
    && install --directory --owner 10002 --group 10002 --mode 0755 /guest /guest/run /guest/shared /guest/scratch
COPY --from=guest-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/guest /opt/kafka-ml
USER 10002:10002
ENTRYPOINT ["python", "-m", "kafka_ml_sandbox.keeper"]
LABEL org.opencontainers.image.title="Kafka-ML guest with TensorFlow" org.opencontainers.image.description="Runs model code, without credentials, for a trainer or inferer"

FROM service AS cli
COPY --from=cli-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/cli /opt/kafka-ml
ENTRYPOINT ["kafka-ml"]
LABEL org.opencontainers.image.title="Kafka-ML command" org.opencontainers.image.description="The kafka-ml command, as a client of an installation"

# All in one process tree, for compose. Both folders come from one lock file, so where they meet their files are the same.
FROM service AS scheduler-local
COPY --from=guest-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=scheduler-packages /opt/kafka-ml /opt/kafka-ml
COPY --from=ours /ours/scheduler-local /opt/kafka-ml
ENTRYPOINT ["python", "-m", "kafka_ml_scheduler"]
LABEL org.opencontainers.image.title="Kafka-ML scheduler with its workloads" org.opencontainers.image.description="Trains and predicts in child processes, for docker compose"
