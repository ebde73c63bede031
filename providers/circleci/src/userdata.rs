use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text, Type, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::{ProblemCollector, shown};
use crate::digest::{cause, sha256};
use crate::quoting::percent_encoded;
use crate::script::{ScriptSection, TRUST_STORE, sections};

/// The largest user data that EC2 accepts, in bytes before base64.
const LARGEST: usize = 16384;

/// The userdata of a Services machine: a script for its first boot that fetches the machine's files
/// from S3, checks each, waits for what is not there yet, makes the machine trust the authorities
/// among them, and installs Replicated last, in a pinned version. It holds no secrets, because
/// everyone who may describe the machine can read it.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Userdata {
    /// The region of the buckets.
    pub(crate) region: Text,
    /// The objects to fetch. A path directly in `/usr/local/share/ca-certificates/` that ends in
    /// `.crt` is a certificate of an authority, and the machine is made to trust it.
    #[serde(default)]
    pub(crate) files: Vec<UserdataFile>,
    /// Debian packages to install besides what the script itself needs.
    #[serde(default)]
    pub(crate) packages: Vec<Text>,
    /// Shell commands to run before Replicated is installed, when all files are there.
    #[serde(default)]
    pub(crate) extra_commands: Vec<Text>,
    /// Which version of Replicated to install.
    pub(crate) replicated_tag: Text,
    /// Which version of its console to install.
    pub(crate) replicated_ui_tag: Option<Text>,
    /// Which version of its operator to install.
    pub(crate) replicated_operator_tag: Option<Text>,
    /// Where its installer comes from.
    #[serde(default = "installer")]
    pub(crate) replicated_installer: Text,
    /// Whether the machine reaches the Internet without a proxy.
    #[serde(default = "yes")]
    pub(crate) no_proxy: bool,
    /// Whether Docker is installed already, so that the installer skips it.
    #[serde(default)]
    pub(crate) no_docker: bool,
    /// How long to retry each thing that may not exist yet.
    #[serde(default = "half_an_hour")]
    pub(crate) wait_seconds: u32,
    /// Where the script's own output goes on the machine; only root can read it.
    #[serde(default = "log_file")]
    pub(crate) log_file: Text,
}

/// An object to fetch, and where to.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct UserdataFile {
    /// Where it goes on the machine.
    pub(crate) path: Text,
    /// The bucket it is in.
    pub(crate) bucket: Text,
    /// Its key.
    pub(crate) key: Text,
    /// The SHA-256 of its content in hexadecimal.
    pub(crate) sha256: Text,
    /// The version to fetch; the newest by default.
    pub(crate) version_id: Option<Text>,
    /// Its permissions on the machine, in octal; `0600` by default, and `0644` for certificates of
    /// authorities.
    pub(crate) mode: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct UserdataOutputs {
    /// The script.
    content: Text,
    /// The SHA-256 of the script in hexadecimal.
    sha256: Text,
    /// Its size in bytes; EC2 accepts 16384.
    size: Value,
}

fn installer() -> Text {
    "https://get.replicated.com/docker".into()
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> u32 {
    1800
}

fn log_file() -> Text {
    "/var/log/ha-first-boot.log".into()
}

impl Document for Userdata {
    const KIND: &'static str = "userdata";
    type Outputs = UserdataOutputs;

    fn render(&self) -> Result<UserdataOutputs, Vec<ArgumentProblem>> {
        let mut checks = self.checked();
        let sections = sections(self);
        if checks.is_fine() {
            check_size(&sections, &mut checks);
        }
        checks.rendering(|| {
            let mut content = Text::new();
            sections.iter().for_each(|it| content.push(&it.text));
            let size = match content.known() {
                Some(known) => {
                    Value::from(i64::try_from(known.len()).expect("it fits what EC2 takes"))
                }
                None => Value::unknown(Type::Number, cause(&content)),
            };
            UserdataOutputs { sha256: sha256(&content), content, size }
        })
    }
}

impl UserdataFile {
    /// Whether it is the certificate of an authority to trust.
    pub(crate) fn is_trusted(&self) -> bool {
        self.path.known().is_some_and(|it| it.starts_with(TRUST_STORE))
    }

    /// Who may do what with it.
    pub(crate) fn mode(&self) -> &str {
        match &self.mode {
            Some(mode) => mode,
            None if self.is_trusted() => "0644",
            None => "0600",
        }
    }

    fn check(&self, at: &Path, checks: &mut ProblemCollector) {
        let Self { path, bucket, key, sha256, version_id, mode } = self;
        checks.absolute_path(at.name("path"), path);
        checks.word(at.name("bucket"), bucket);
        checks.word(at.name("key"), key);
        if let Some(version) = version_id {
            checks.word(at.name("version_id"), version);
        }
        let is_digest = |it: &str| {
            it.len() == 64
                && it.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
        };
        if sha256.known().is_some_and(|it| !is_digest(&it)) {
            let message = format!("{} is no SHA-256 in lower-case hexadecimal", shown(sha256));
            checks.problem(at.name("sha256"), message);
        }
        if let Some(mode) = mode
            && !((3..=4).contains(&mode.len())
                && mode.bytes().all(|it| (b'0'..=b'7').contains(&it)))
        {
            checks.problem(
                at.name("mode"),
                format!("`{mode}` is no permission; write it in octal, such as \"0640\""),
            );
        }
        if let Some(name) = path.known().as_deref().and_then(|it| it.strip_prefix(TRUST_STORE))
            && (!name.ends_with(".crt") || name.contains('/'))
        {
            let message = format!(
                "`update-ca-certificates` takes only files directly in `{TRUST_STORE}` that end in `.crt`"
            );
            checks.problem(at.name("path"), message);
        }
    }
}

impl Userdata {
    /// Where the pinned installer comes from.
    pub(crate) fn installer_url(&self) -> Text {
        let mut url = self.replicated_installer.clone();
        url.push_str("?replicated_tag=");
        url.push(&percent_encoded(&self.replicated_tag));
        let others = [
            ("replicated_ui_tag", &self.replicated_ui_tag),
            ("replicated_operator_tag", &self.replicated_operator_tag),
        ];
        for (name, tag) in others {
            if let Some(tag) = tag {
                url.push_str(&format!("&{name}="));
                url.push(&percent_encoded(tag));
            }
        }
        url
    }

    /// Every text that goes into the script, with its place.
    fn texts(&self) -> Vec<(Path, &Text)> {
        let at = Path::attribute;
        let mut texts = vec![
            (at("region"), &self.region),
            (at("replicated_tag"), &self.replicated_tag),
            (at("replicated_installer"), &self.replicated_installer),
            (at("log_file"), &self.log_file),
        ];
        texts.extend(self.replicated_ui_tag.iter().map(|it| (at("replicated_ui_tag"), it)));
        texts.extend(
            self.replicated_operator_tag.iter().map(|it| (at("replicated_operator_tag"), it)),
        );
        texts.extend(
            self.packages.iter().enumerate().map(|(index, it)| (at("packages").index(index), it)),
        );
        texts.extend(
            self.extra_commands
                .iter()
                .enumerate()
                .map(|(index, it)| (at("extra_commands").index(index), it)),
        );
        for (index, UserdataFile { path, bucket, key, sha256, version_id, mode: _ }) in
            self.files.iter().enumerate()
        {
            let at = at("files").index(index);
            texts.extend([
                (at.name("path"), path),
                (at.name("bucket"), bucket),
                (at.name("key"), key),
                (at.name("sha256"), sha256),
            ]);
            texts.extend(version_id.iter().map(|it| (at.name("version_id"), it)));
        }
        texts
    }

    fn checked(&self) -> ProblemCollector {
        let at = Path::attribute;
        let mut checks = ProblemCollector::default();
        for (path, text) in self.texts() {
            if !text.is_clear() {
                let message = "userdata must not hold secrets: everyone who may describe the machine reads them, and every version \
                               of the launch template keeps them; put it into an object and fetch that with `files`";
                checks.problem(path.clone(), message);
            }
            let has = |character| {
                text.parts()
                    .iter()
                    .any(|it| matches!(it, ha_value::TextPart::Clear(it) if it.contains(character)))
            };
            if has('\r') {
                checks.problem(
                    path.clone(),
                    "there is a carriage return in it; a shell script has line feeds alone",
                );
            }
            if has('\0') {
                checks.problem(path, "there is a zero byte in it");
            }
        }
        checks.word(at("region"), &self.region);
        checks.absolute_path(at("log_file"), &self.log_file);
        let tags = [
            ("replicated_tag", Some(&self.replicated_tag)),
            ("replicated_ui_tag", self.replicated_ui_tag.as_ref()),
            ("replicated_operator_tag", self.replicated_operator_tag.as_ref()),
        ];
        for (name, tag) in tags.into_iter().filter_map(|(name, it)| Some((name, it?))) {
            checks.word(at(name), tag);
        }
        if self
            .replicated_installer
            .known()
            .is_some_and(|it| !it.starts_with("https://") || it.contains(['?', '#', ' ']))
        {
            let message = "`replicated_installer` must begin with `https://` and have no `?`; the tags are added to it";
            checks.problem(at("replicated_installer"), message);
        }
        for (index, package) in self.packages.iter().enumerate() {
            let is_package = |it: &str| {
                !it.starts_with('-')
                    && it.chars().all(|it| it.is_ascii_alphanumeric() || "+-.:=~_".contains(it))
            };
            let at = at("packages").index(index);
            checks.word(at.clone(), package);
            if package.known().is_some_and(|it| !is_package(&it)) {
                checks.problem(at, format!("{} is no name of a package", shown(package)));
            }
        }
        for (index, file) in self.files.iter().enumerate() {
            let at = at("files").index(index);
            file.check(&at, &mut checks);
            if file.path.known().is_some()
                && self.files[..index].iter().any(|other| other.path.known() == file.path.known())
            {
                checks.problem(at.name("path"), format!("two files go to {}", shown(&file.path)));
            }
        }
        checks
    }
}

/// The script must fit; where parts are not known yet, at least what is known must.
fn check_size(sections: &[ScriptSection], checks: &mut ProblemCollector) {
    let known = |text: &Text| -> usize {
        let part = |it: &ha_value::TextPart| match it {
            ha_value::TextPart::Clear(text) | ha_value::TextPart::Secret(text) => text.len(),
            ha_value::TextPart::Unknown { .. } => 0,
        };
        text.parts().iter().map(part).sum()
    };
    let total: usize = sections.iter().map(|it| known(&it.text)).sum();
    if total <= LARGEST {
        return;
    }
    let mut sizes: Vec<(usize, &str)> =
        sections.iter().map(|it| (known(&it.text), it.name.as_str())).collect();
    sizes.sort_by(|one, other| other.cmp(one));
    let largest: Vec<String> =
        sizes.iter().take(3).map(|(size, name)| format!("{name} with {size} bytes")).collect();
    let message = format!(
        "the script has {total} bytes, but EC2 takes {LARGEST}; the largest parts are {}; what is long belongs into an object that \
         is fetched with `files`",
        largest.join(", ")
    );
    checks.problem(Path::root(), message);
}
