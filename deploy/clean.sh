#!/bin/bash
# Removes task logs older than LOG_DAYS, and what Airflow's database keeps of runs older than RUN_DAYS.
# The service `clean` of docker-compose.yaml runs it once a day. The state store has its own retention (run.keep_…).
set -euo pipefail
find "$LOG_FOLDER" -type f -mtime "+$LOG_DAYS" -delete
find "$LOG_FOLDER" -mindepth 1 -type d -empty -mtime +1 -delete
before=$(date --utc --date "$RUN_DAYS days ago" +%Y-%m-%dT%H:%M:%SZ)
airflow db clean --clean-before-timestamp "$before" --skip-archive --yes
echo "clean: removed task logs older than $LOG_DAYS days, and runs from before $before"
