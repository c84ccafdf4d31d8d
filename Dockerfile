# A machine in which the pipeline runs, from a clone of this repository:
#   docker build -t xbarpaper . && docker run -it --name xbarpaper xbarpaper
#   docker cp xbarpaper:/xbarpaper/reports/quick .
# `python -m tools.container` tries these steps in a bare Debian without Docker.
FROM debian:12-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates git make python3 python3-venv && \
    rm -rf /var/lib/apt/lists/*
# torch for the processor alone; with --build-arg PIP_EXTRA_INDEX_URL= it is the larger one with CUDA.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL
WORKDIR /xbarpaper
COPY . .
RUN make .venv/.installed
CMD ["make", "repro"]
