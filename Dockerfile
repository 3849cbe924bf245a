# docker build -t beyond .     Without CUDA: --build-arg INDEX=ADDRESS-OF-PYTORCH'S-CPU-BUILDS (docs/installing.md)
FROM python:3.12-slim
ARG INDEX=
# a compiler for the kernels; without one torch's operators take over
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/beyond
COPY requirements.lock setup.cfg pyproject.toml README.md LICENSE ./
RUN PIP_EXTRA_INDEX_URL=$INDEX pip install --no-cache-dir -c requirements.lock "$(grep -o '^torch==[0-9.]*' requirements.lock)"
COPY verifiers verifiers
COPY envs envs
COPY policies policies
COPY rl rl
COPY experiments experiments
RUN PIP_EXTRA_INDEX_URL=$INDEX pip install --no-cache-dir -c requirements.lock ".[view]"
WORKDIR /work
ENTRYPOINT ["beyond"]
