#!/bin/sh
# Creates .env and the secrets of docker-compose.yaml, once: sh deploy/secrets.sh [FOLDER]
#
# It never replaces a file. A value that an earlier version kept in .env (POSTGRES_PASSWORD=…) becomes the secret.
# The folder is for its owner only; the files can be read by all, because each container has another user and
# Compose mounts them as they are.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/secrets}
variables=/dev/null
umask 077
mkdir -p "$folder"
if [ "$#" -eq 0 ]; then
  variables=$root/.env
  [ -e "$variables" ] || cp "$root/.env.example" "$variables"
fi

random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
fernet() { head -c 32 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'; }
earlier() { sed -n "s/^$1=\(..*\)$/\1/p" "$variables" | tail -n 1; }
value() { cat "$folder/$1"; }

# write NAME TEXT: no line end, because programs read the file as it is.
write() {
  [ -e "$folder/$1" ] && return
  printf '%s' "$2" > "$folder/$1"
  chmod 444 "$folder/$1"
  echo "created $folder/$1"
}

# secret NAME VARIABLE COMMAND
secret() {
  [ -e "$folder/$1" ] && return
  known=$(earlier "$2")
  write "$1" "${known:-$($3)}"
}

secret postgres_password POSTGRES_PASSWORD random
secret redis_password REDIS_PASSWORD random
secret jwt_secret JWT_SECRET random
secret api_secret_key API_SECRET_KEY random
secret store_hash_key STORE_HASH_KEY random
secret fernet_key FERNET_KEY fernet
secret admin_password ADMIN_PASSWORD random

# What Airflow reads, made from the passwords above. To change one: delete it here and run this again.
database=airflow:$(value postgres_password)@postgres:5432
write airflow_database "postgresql+psycopg2://$database/airflow"
write result_backend "db+postgresql://$database/airflow"
write broker "redis://:$(value redis_password)@redis:6379/0"
write connections.json "{\"sync_state\": {\"conn_type\": \"postgres\", \"host\": \"postgres\", \"port\": 5432,
 \"schema\": \"sync_state\", \"login\": \"airflow\", \"password\": \"$(value postgres_password)\",
 \"extra\": {\"hash_key\": \"$(value store_hash_key)\"}}}"
echo "Keep a copy of $folder in a safe place: without fernet_key and store_hash_key a backup cannot be used."
