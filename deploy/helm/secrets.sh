#!/bin/sh
# Creates the secrets that values.yaml names: sh deploy/helm/secrets.sh NAMESPACE DATABASE_HOST [FOLDER]
#
# deploy/secrets.sh makes the keys and passwords, in secrets/ or FOLDER: keep a copy of it. The user airflow of
# your PostgreSQL needs the password in postgres_password. The broker is the Redis of a release called airflow.
# A secret that exists stays as it is. kubectl reads files, so that no password is in a command line.
set -eu
if [ "$#" -lt 2 ]; then
  sed -n '2s/^# //p' "$0" >&2
  exit 2
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
namespace=$1
host=$2
folder=${3:-$root/secrets}
sh "$root/deploy/secrets.sh" "$folder"
umask 077
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
sed "s/@postgres:/@$host:/" "$folder/airflow_database" > "$made/database"
sed "s/@redis:/@airflow-redis:/" "$folder/broker" > "$made/broker"
# The connection alone: a variable holds one, and the file of Compose holds them by name.
tr -d '\n' < "$folder/connections.json" \
  | sed -e 's/^{"sync_state": //' -e 's/}$//' -e "s/\"host\": \"postgres\"/\"host\": \"$host\"/" > "$made/state"

create() {
  name=$1
  shift
  if kubectl --namespace "$namespace" get secret "$name" > /dev/null 2>&1; then
    echo "secret $name exists; nothing changed"
  else
    kubectl --namespace "$namespace" create secret generic "$name" "$@"
  fi
}

create sync-keys --from-file=fernet-key="$folder/fernet_key" \
  --from-file=api-secret-key="$folder/api_secret_key" --from-file=jwt-secret="$folder/jwt_secret"
create sync-database --from-file=connection="$made/database"
create sync-broker --from-file=connection="$made/broker" --from-file=password="$folder/redis_password"
create sync-state --from-file=connection="$made/state"
create sync-admin --from-file=password="$folder/admin_password"
