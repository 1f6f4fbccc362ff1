#!/bin/bash
# Writes a tar to standard output: both databases and the staged files that outlive runs (`kept`).
# Everything may run meanwhile: each dump is consistent in itself. Secrets are not in it.
set -euo pipefail
umask 077
export PGPASSWORD
PGPASSWORD=$(cat "${PASSWORD_FILE:-/run/secrets/postgres_password}")
[ ! -t 1 ] || { echo "backup: send the output to a file: … backup > backup.tar" >&2; exit 2; }
work=$(mktemp -d "$SCRATCH/backup.XXXXXX")
trap 'rm -rf "$work"' EXIT

for database in airflow sync_state; do
  pg_dump --format custom --no-owner --file "$work/$database.dump" "$database"
done
mkdir "$work/kept"
(cd "$KEPT" && find . -type d -name kept -prune -print0 | tar --create --null --files-from - --file "$work/kept.tar")
rmdir "$work/kept"
(cd "$work" && sha256sum -- *.dump kept.tar > SHA256SUMS)
tar --create --file - --directory "$work" SHA256SUMS airflow.dump sync_state.dump kept.tar
echo "backup: both databases and the kept staged files. Keep a copy of the folder secrets/ too." >&2
