#!/bin/sh
# The namespace, once. Retention, search attribute and schedule are the worker's to provide (worker/provision.py).
set -eu
temporal operator namespace describe --namespace "$NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$NAMESPACE" --retention 90d
