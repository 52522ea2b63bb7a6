#!/bin/bash
# Rows and files of the containers into a folder by the day's name, in the folder that is named: bash deploy/backup.sh /backups
# Whole, or left as `.half-made` with a code other than 0. A script and not lines to paste: bash takes no notice of `set -e` left of `||`.
set -euo pipefail
umask 077
# One substitution a line: of two in one, only the end of the last counts.
TO=$(realpath --canonicalize-existing -- "${1:?the folder of the backups}")
DAY=$TO/$(date +%F)
NEW=$DAY.half-made
SCRIPT=$(realpath --canonicalize-existing -- "$0")
cd "${SCRIPT%/*}/.."
export COMPOSE_ENV_FILES="${COMPOSE_ENV_FILES:-/etc/fuzhen/settings.env}"

if [ -e "$DAY" ]; then
    echo "$DAY is there already" >&2
    exit 1
fi
mkdir "$NEW"
date --utc +%FT%TZ > "$NEW/taken_at"
# Rows first: a file is there before its row is.
docker compose exec -T postgres pg_dump -U fuzhen --format=custom --no-owner --no-privileges fuzhen > "$NEW/database.dump"
docker compose cp --archive worker:/var/lib/fuzhen/files "$NEW/files"
LINKS=$(find "$NEW" -type l)
if [ -n "$LINKS" ]; then
    echo "$LINKS: a link, and a backup holds none" >&2
    exit 1
fi
(cd "$NEW" && find . ! -type d ! -path ./SHA256SUMS -exec sha256sum {} + > SHA256SUMS)
sync
mv --no-target-directory "$NEW" "$DAY"
