#!/bin/bash
# Removes task logs and newsletter runs, whose conf holds addresses, older than LOG_DAYS, and all other runs in
# Airflow's database older than RUN_DAYS. The service `clean` of docker-compose.yaml runs it once a day. The state
# store and the staged files have their own settings.
set -euo pipefail
find "$LOG_FOLDER" -type f -mtime "+$LOG_DAYS" -delete
find "$LOG_FOLDER" -mindepth 1 -type d -empty -mtime +1 -delete
before() { date --utc --date "$1 days ago" +%Y-%m-%dT%H:%M:%SZ; }
airflow db clean --clean-before-timestamp "$(before "$LOG_DAYS")" --dag-ids update_newsletter \
  --tables dag_run,log --skip-archive --yes
airflow db clean --clean-before-timestamp "$(before "$RUN_DAYS")" --skip-archive --yes
echo "clean: removed task logs and newsletter runs older than $LOG_DAYS days, and runs older than $RUN_DAYS days"
