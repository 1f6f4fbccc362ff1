# Airflow with what the syncs need, and the project in it. The base image brings Airflow; the versions are those of
# requirements.lock. For Astro give a runtime image without ONBUILD steps (its name ends in -base) of the same Airflow:
#   docker build --build-arg BASE_IMAGE=… --build-arg PROJECT_HOME=/usr/local/airflow --build-arg RUN_AS=astro -t sync .
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.11
# a tag may be pushed again, a digest (sha256:…) is always the same image; docs/operations.md says how to look it up
ARG BASE_DIGEST=
FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}}

ARG PROJECT_HOME=/opt/airflow
ARG RUN_AS=airflow
# packages of the base image that the lock may lower, separated by spaces
ARG ALLOW_DOWNGRADE=
WORKDIR ${PROJECT_HOME}
USER ${RUN_AS}

COPY requirements-image.txt tools/image_versions.py /tmp/build/
# COPY made the folder as root, and the steps run as another user: what they write goes elsewhere. The list is complete,
# and pip must not add to it: it refuses celery[redis], which a provider asks for, as not pinned (pip 23.2.1, tried
# 2026-11-28). Wheels only, because what builds a source distribution is not in the lock
RUN python /tmp/build/image_versions.py note /tmp/base.json \
    && pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: \
        --requirement /tmp/build/requirements-image.txt \
    && python /tmp/build/image_versions.py compare /tmp/base.json ${ALLOW_DOWNGRADE} \
    && rm /tmp/base.json

COPY --chown=${RUN_AS}:0 include include
COPY --chown=${RUN_AS}:0 sandbox sandbox
COPY --chown=${RUN_AS}:0 plugins plugins
COPY --chown=${RUN_AS}:0 dags dags
# compiled here, because the containers' root file system is read-only; volumes that are mounted for the first time
# take over the owner of the two folders
RUN python -m compileall -q include sandbox plugins dags \
    && mkdir -p logs staging

# both: imports start at the project's root, and Airflow finds the connection types in plugins/ (see plugins/)
ENV PYTHONPATH=${PROJECT_HOME}:${PROJECT_HOME}/plugins
