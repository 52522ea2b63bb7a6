#!/bin/bash
# Run once by PostgreSQL's image, on an empty volume: two roles that are no superuser, each with databases of its own.
# psql reads the passwords itself, so they stand on no command line.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set fuzhen `cat "${SECRETS_AT:-/run/secrets}/POSTGRES_FUZHEN_PASSWORD"`
\set temporal `cat "${SECRETS_AT:-/run/secrets}/POSTGRES_TEMPORAL_PASSWORD"`
CREATE ROLE fuzhen LOGIN PASSWORD :'fuzhen';
CREATE DATABASE fuzhen OWNER fuzhen;
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
