#!/bin/sh
# Temporal's two databases, made or brought up to the server's version; again, it changes nothing. The password comes in as SQL_PASSWORD.
set -eu
for database in temporal temporal_visibility; do
    set -- --plugin postgres12 --ep postgres -p 5432 -u temporal --db "$database"
    temporal-sql-tool "$@" setup-schema -v 0.0
    temporal-sql-tool "$@" update-schema -d "/etc/temporal/schema/postgresql/v12/${database#temporal_}/versioned"
done
