#!/usr/bin/env bash
# Makes the certificates in this folder anew.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=$1 of tests" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout "$work/$1.key" -out "$work/$1.pem"
}

certificate() { # AUTHORITY NAME USAGE SUBJECT-ALTERNATIVE-NAMES
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2 of tests" \
        -keyout "$work/$2.key" -out "$work/$2.csr"
    openssl x509 -req -in "$work/$2.csr" -CA "$work/$1.pem" -CAkey "$work/$1.key" -days 36500 -out "$work/$2.pem" \
        -extfile <(printf 'basicConstraints=CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=%s\n' "$3" "$4")
}

authority authority
authority nobody
names=DNS:localhost,IP:127.0.0.1,IP:::1
certificate authority server serverAuth "$names"
certificate authority renewed serverAuth "$names"
certificate authority client clientAuth DNS:client.test
certificate nobody stranger clientAuth DNS:stranger.test
cp "$work"/{authority,server,renewed}.pem "$work"/{server,renewed}.key .
for name in client stranger; do cat "$work/$name".{pem,key} >"$name.pem"; done
