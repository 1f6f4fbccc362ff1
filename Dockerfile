# Airflow with what the syncs need, and the project in it. The base image brings Airflow; the versions are those of
# requirements.lock. For Astro give a runtime image without ONBUILD steps (its name ends in -base) of the same Airflow:
#   docker build --build-arg BASE_IMAGE=… --build-arg PROJECT_HOME=/usr/local/airflow --build-arg RUN_AS=astro -t sync .
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.11
FROM ${BASE_IMAGE}

ARG PROJECT_HOME=/opt/airflow
ARG RUN_AS=airflow
WORKDIR ${PROJECT_HOME}

COPY requirements.txt requirements.lock /tmp/build/
# pip takes constraints only without hashes, where the requirements have none. COPY made the folder as root, and the
# steps run as the base image's user: what they write goes elsewhere
RUN grep -oE '^[a-z0-9.-]+==[^ ;\\]+( ; [^\\]+)?' /tmp/build/requirements.lock > /tmp/constraints.txt \
    && pip install --no-cache-dir --requirement /tmp/build/requirements.txt --constraint /tmp/constraints.txt \
    && rm /tmp/constraints.txt

COPY --chown=${RUN_AS}:0 include include
COPY --chown=${RUN_AS}:0 sandbox sandbox
COPY --chown=${RUN_AS}:0 plugins plugins
COPY --chown=${RUN_AS}:0 dags dags
# volumes that are mounted here for the first time take over the owner of these folders
RUN mkdir -p logs staging

# both: imports start at the project's root, and Airflow finds the connection types in plugins/ (see plugins/)
ENV PYTHONPATH=${PROJECT_HOME}:${PROJECT_HOME}/plugins
