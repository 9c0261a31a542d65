# One image, two roles: the signer and the agent, two users who share nothing but a socket.
# docs/operating.md says how each is run. Any Debian with Python 3.11 serves as BASE.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends build-essential \
    $(test -x /usr/local/bin/python3 || echo python3-dev python3-venv)
RUN python3 -m venv /opt/forager
ENV PATH=/opt/forager/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# Runs on every x86 machine with AVX2, and needs no library besides C's and C++'s.
ENV CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF"
WORKDIR /build
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY . ./
RUN pip install --no-deps --no-build-isolation . \
 && pip uninstall --yes setuptools pip

FROM ${BASE}
# One group, so that one socket can be shared; two users, so that nothing else is.
RUN groupadd --gid 10000 forager \
 && for user in signer:10001 agent:10002 provider:10003; do \
      useradd --uid "${user#*:}" --gid 10000 --no-create-home --home-dir "/home/${user%:*}" \
        --shell /usr/sbin/nologin "${user%:*}" \
   && install --directory --owner "${user#*:}" --group 10000 --mode 0700 "/home/${user%:*}"; \
    done \
 && install --directory --owner 10001 --group 10000 --mode 0750 /run/forager
COPY --from=build /opt/forager /opt/forager
# A daemon in a container never keeps keys itself: it looks for the signer's socket.
# Nothing is imported from the folder a program happens to stand in.
ENV PATH=/opt/forager/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 \
    FORAGER_HOME=/home/agent \
    FORAGER_KEYS__SIGNER=socket FORAGER_KEYS__SOCKET=/run/forager/signer.sock
USER 10002:10000
WORKDIR /
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-m", "agent.container", "health"]
ENTRYPOINT ["python", "-m", "agent.container"]
CMD ["agent"]
