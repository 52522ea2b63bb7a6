#!/bin/bash
# A day's folder of deploy/backup.sh onto empty volumes, and everything started: bash deploy/restore.sh /backups/2026-11-27
# Nothing is started of a backup of which a file is missing, changed, too many or a link, and nothing more after the first error.
set -euo pipefail
FROM=$(realpath --canonicalize-existing -- "${1:?the folder of a day}")
SCRIPT=$(realpath --canonicalize-existing -- "$0")
cd "${SCRIPT%/*}/.."
export COMPOSE_ENV_FILES="${COMPOSE_ENV_FILES:-/etc/fuzhen/settings.env}"

case $FROM in *.half-made*)
    echo "$FROM is half made" >&2
    exit 1
    ;;
esac
LINKS=$(find "$FROM" -type l)
if [ -n "$LINKS" ]; then
    echo "$LINKS: a link, and a backup holds none" >&2
    exit 1
fi
TAKEN_AT=$(cat "$FROM/taken_at")
FOUND=$(cd "$FROM" && find . ! -type d ! -path ./SHA256SUMS -exec sha256sum {} + | LC_ALL=C sort)
if ! diff <(LC_ALL=C sort "$FROM/SHA256SUMS") - <<< "$FOUND" >&2; then
    echo "$FROM is not as it was taken: < is of it, > is there" >&2
    exit 1
fi
docker compose up --detach --wait postgres
docker compose exec -T postgres pg_restore -U fuzhen --dbname=fuzhen --no-owner --no-privileges --exit-on-error --single-transaction < "$FROM/database.dump"
docker compose exec -T postgres psql -U fuzhen --set=ON_ERROR_STOP=1 --set=taken_at="$TAKEN_AT" < stack/restored.sql
docker compose create worker
docker compose cp --archive "$FROM/files/." worker:/var/lib/fuzhen/files
docker compose up --detach
