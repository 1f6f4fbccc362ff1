# The project with Airflow and its packages. The base image brings Airflow; the versions are those of
# requirements.lock. For Astro give a runtime image of the same Airflow without ONBUILD steps (its name ends in -base):
#   docker build --build-arg BASE_IMAGE=… --build-arg PROJECT_HOME=/usr/local/airflow --build-arg RUN_AS=astro -t sync .
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.11
# A tag can be pushed again; a digest (sha256:…) always names the same image. See docs/deployment.md.
ARG BASE_DIGEST=
FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}

ARG PROJECT_HOME=/opt/airflow
ARG RUN_AS=airflow
# Packages of the base image that the lock may lower, separated by spaces.
ARG ALLOW_DOWNGRADE=
# "s3" adds the packages for staged files in a bucket of S3. See docs/deployment.md.
ARG STAGING=
WORKDIR ${PROJECT_HOME}
USER ${RUN_AS}

COPY requirements-image.txt requirements-s3.txt tools/image_versions.py /tmp/build/
# COPY creates the folder as root, and RUN works as another user, so RUN writes to /tmp. The list is complete, and pip
# must not resolve it: it refuses celery[redis], which a provider requires, as not pinned (pip 23.2.1, tried
# 2026-11-28). Wheels only: the lock does not hold the packages that build a source distribution.
RUN python /tmp/build/image_versions.py note /tmp/base.json \
    && pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: \
        --requirement /tmp/build/requirements-image.txt \
        ${STAGING:+--requirement /tmp/build/requirements-${STAGING}.txt} \
    && python /tmp/build/image_versions.py compare /tmp/base.json ${ALLOW_DOWNGRADE} \
    && rm /tmp/base.json

COPY --chown=${RUN_AS}:0 include include
COPY --chown=${RUN_AS}:0 sandbox sandbox
COPY --chown=${RUN_AS}:0 plugins plugins
COPY --chown=${RUN_AS}:0 dags dags
COPY --chown=${RUN_AS}:0 deploy/clean.sh deploy/clean.sh
# Compile now, because the containers' root file system is read-only. A volume that is mounted for the first time
# gets the owner of these folders.
RUN python -m compileall -q include sandbox plugins dags \
    && mkdir -p logs staging certificates scratch

# Imports start at the project's root, and Airflow finds the connection types in plugins/.
ENV PYTHONPATH=${PROJECT_HOME}:${PROJECT_HOME}/plugins
