#!/bin/bash
# Reads a tar of backup.sh from standard input and replaces both databases and the kept staged files.
# Stop Airflow first. It checks the whole tar before it changes anything.
set -euo pipefail
umask 077
export PGPASSWORD
PGPASSWORD=$(cat "${PASSWORD_FILE:-/run/secrets/postgres_password}")
[ ! -t 0 ] || { echo "restore: give it a backup: … restore < backup.tar" >&2; exit 2; }
work=$(mktemp -d "$SCRATCH/restore.XXXXXX")
trap 'rm -rf "$work"' EXIT

tar --extract --file - --directory "$work"
(cd "$work" && sha256sum --quiet --check SHA256SUMS) || { echo "restore: the backup is damaged; nothing was changed" >&2; exit 1; }
connected=$(psql --no-align --tuples-only --dbname postgres --command \
  "SELECT count(*) FROM pg_stat_activity WHERE datname IN ('airflow', 'sync_state')")
if [ "$connected" -gt 0 ]; then
  echo "restore: $connected connections use the databases; nothing was changed. Stop Airflow first:" \
    "docker compose stop; docker compose up --detach postgres" >&2
  exit 1
fi

for database in airflow sync_state; do
  dropdb --if-exists --maintenance-db postgres "$database"
  createdb --maintenance-db postgres "$database"
  pg_restore --no-owner --exit-on-error --dbname "$database" "$work/$database.dump"
done
find "$KEPT" -type d -name kept -prune -exec rm -rf {} +
tar --extract --file "$work/kept.tar" --directory "$KEPT"
echo "restore: done. Redis may hold messages of the time before; empty it: docker compose rm --stop redis," \
  "docker volume rm vtex-connectif-sync_redis. Then: docker compose up --detach" >&2
