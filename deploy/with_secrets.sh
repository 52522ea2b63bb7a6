#!/bin/sh
# Runs a command with each mounted secret in its environment, under the name of the secret's file: neither this file's reader nor
# `docker inspect` sees a value. The command takes our place, so it gets the signals.
set -eu
for secret in "${SECRETS_AT:-/run/secrets}"/*; do
    [ -f "$secret" ] || continue
    export "${secret##*/}=$(cat "$secret")"
done
exec "$@"
