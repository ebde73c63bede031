//! The first boot of a Services machine, as a shell script in sections. Replicated is installed
//! last, because it reads its files once, when it starts for the first time.

use ha_value::Text;

use crate::quoting::{joined, shell_word};
use crate::userdata::{Userdata, UserdataFile};

/// Where `update-ca-certificates` looks for authorities.
pub(crate) const TRUST_STORE: &str = "/usr/local/share/ca-certificates/";

/// A part of the script, by what it is for.
pub(crate) struct ScriptSection {
    pub(crate) name: String,
    pub(crate) text: Text,
}

const HEAD: &str = r#"#!/bin/bash
# First boot of a CircleCI Services machine, rendered by ha. It holds no secrets: those are in the objects it fetches.
set -euo pipefail
umask 077
export DEBIAN_FRONTEND=noninteractive HOME="${HOME:-/root}"
"#;

/// The output of the console can be read with `ec2:GetConsoleOutput`, so the output of commands goes
/// to a file that only root can read.
const LOG: &str = r#"touch "$log"
chmod 0600 "$log"
exec 3>&1 >>"$log" 2>&1

say() {
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
  printf 'ha: %s\n' "$*" >&3
}
trap 'status=$?; [ "$status" = 0 ] || say "the first boot failed with status $status; $log says why"' EXIT

# Tries a command again and again until it succeeds or `limit` seconds are over.
retry() {
  local deadline=$((SECONDS + limit))
  until "$@"; do
    if ((SECONDS >= deadline)); then
      say "gave up on: $1"
      return 1
    fi
    sleep 5
  done
}
"#;

/// The guide installs `awscli` with `python-pip`, which was Python 2's and is gone from every
/// supported Ubuntu; the archive's own package does, and where a release dropped that one too,
/// there is a snap.
const AWS: &str = r#"
refresh_packages() { apt-get -o DPkg::Lock::Timeout=60 update; }
install_packages() { apt-get -o DPkg::Lock::Timeout=60 install -y --no-install-recommends "$@"; }
install_aws() { install_packages awscli || snap install aws-cli --classic; }
"#;

const FETCH: &str = r#"
# Puts an object into place once it is there, whole, and the one that was meant.
fetch_once() {
  local path=$1 mode=$2 bucket=$3 key=$4 sha256=$5
  shift 5
  rm -f "$path.new"
  aws s3api get-object --bucket "$bucket" --key "$key" "$@" "$path.new" >/dev/null || return
  test -s "$path.new" || return
  echo "$sha256  $path.new" | sha256sum --check --status || { echo "s3://$bucket/$key has another checksum"; return 1; }
  chmod "$mode" "$path.new" && mv -f "$path.new" "$path"
}
fetch() {
  (umask 022 && mkdir -p "$(dirname "$1")")
  retry fetch_once "$@" || { say "could not fetch s3://$3/$4"; return 1; }
  say "fetched $1"
}
"#;

/// The token form of the metadata service, the only one that answers where `HttpTokens` is
/// `required`.
const LOCAL_ADDRESS: &str = r#"
metadata=http://169.254.169.254/latest
find_local_address() {
  local token
  token=$(curl -fsS --max-time 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/api/token") || return
  local_address=$(printf 'X-aws-ec2-metadata-token: %s\n' "$token" \
    | curl -fsS --max-time 5 -H @- "$metadata/meta-data/local-ipv4") || return
  test -n "$local_address"
}
retry find_local_address
"#;

/// The script's sections in order.
pub(crate) fn sections(it: &Userdata) -> Vec<ScriptSection> {
    let section = |name: &str, text: Text| ScriptSection { name: name.to_owned(), text };
    let mut sections = vec![
        section("the frame", head(it)),
        section("the packages", packages(it)),
        section("the frame", FETCH.into()),
    ];
    // Each file and command is a section of its own, so that a plan names the part that changes.
    for (index, file) in it.files.iter().enumerate() {
        sections.push(section(&format!("`files[{index}]`"), fetch(file)));
    }
    sections.push(section("the checks of the files", checks_and_trust(it)));
    for (index, command) in it.extra_commands.iter().enumerate() {
        let mut text = Text::from("\n");
        text.push(command);
        text.push_str("\n");
        sections.push(section(&format!("`extra_commands[{index}]`"), text));
    }
    sections.push(section("the installation of Replicated", replicated(it)));
    sections
}

fn head(it: &Userdata) -> Text {
    let mut text = Text::from(HEAD);
    text.push_str("export AWS_DEFAULT_REGION=");
    text.push(&shell_word(&it.region));
    text.push_str("\nlog=");
    text.push(&shell_word(&it.log_file));
    text.push_str(&format!("\nlimit={}\n", it.wait_seconds));
    text.push_str(LOG);
    text
}

fn packages(it: &Userdata) -> Text {
    let mut text = Text::from(AWS);
    text.push_str(
        "if ! command -v aws >/dev/null; then\n  retry refresh_packages\n  retry install_aws\nfi\n",
    );
    if !it.packages.is_empty() {
        let packages: Vec<Text> = it.packages.iter().map(shell_word).collect();
        text.push_str("retry refresh_packages\nretry install_packages ");
        text.push(&joined(&packages, " "));
        text.push_str("\n");
    }
    text
}

fn fetch(file: &UserdataFile) -> Text {
    let mut text = Text::from("fetch ");
    let words = [&file.path, &Text::from(file.mode()), &file.bucket, &file.key, &file.sha256]
        .map(shell_word);
    text.push(&joined(&words, " "));
    if let Some(version) = &file.version_id {
        text.push_str(" --version-id ");
        text.push(&shell_word(version));
    }
    text.push_str("\n");
    text
}

fn checks_and_trust(it: &Userdata) -> Text {
    let mut text = Text::new();
    if it.files.iter().any(UserdataFile::is_trusted) {
        text.push_str("\n# Whoever connects to a database checks its certificate against this store.\nupdate-ca-certificates\n");
    }
    if !it.files.is_empty() {
        let paths: Vec<Text> = it.files.iter().map(|file| shell_word(&file.path)).collect();
        text.push_str("\nfor file in ");
        text.push(&joined(&paths, " "));
        text.push_str(
            "; do\n  test -s \"$file\" || { say \"$file is missing or empty\"; exit 1; }\ndone\n",
        );
    }
    text
}

fn replicated(it: &Userdata) -> Text {
    let mut text = Text::from(LOCAL_ADDRESS);
    text.push_str(
        "\ninstaller=$(mktemp)\nfetch_installer() { curl -fsSL --max-time 120 -o \"$installer\" ",
    );
    text.push(&shell_word(&it.installer_url()));
    text.push_str(
        " && test -s \"$installer\"; }\nretry fetch_installer\nsay 'installing Replicated'\n",
    );
    text.push_str("bash \"$installer\" \"local-address=$local_address\"");
    for (given, flag) in [(it.no_proxy, "no-proxy"), (it.no_docker, "no-docker")] {
        if given {
            text.push_str(&format!(" {flag}"));
        }
    }
    text.push_str(" </dev/null\nrm -f \"$installer\"\nsay 'the first boot is done'\n");
    text
}
