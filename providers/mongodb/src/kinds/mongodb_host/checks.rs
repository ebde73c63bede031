//! What is wrong with a host's arguments, known before anything is touched.

use ha_provider::{ArgumentProblem, MaybeUnknown};
use ha_value::Path;
use serde::Deserialize;

use super::ProcessBlock;
use crate::certificate::{not_signed_by, unfit_for};
use crate::conf::setting;
use crate::layout::FileLayout;
use crate::mongod::FilePermissions;
use crate::names::only_local;
use crate::release::{ReleaseSeries, TLS_NAMES};

#[derive(Deserialize)]
pub(super) struct AddressArguments {
    pub(super) host: String,
    pub(super) port: u16,
}

#[derive(Deserialize)]
pub(super) struct ProcessArguments {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) process: Option<MaybeUnknown<ProcessBlock>>,
}

#[derive(Deserialize)]
pub(super) struct RootArguments {
    pub(super) process: KnownRoot,
}

#[derive(Deserialize)]
pub(super) struct KnownRoot {
    pub(super) root: String,
}

impl KnownRoot {
    pub(super) fn layout(&self) -> FileLayout {
        FileLayout::new(&self.root)
    }
}

#[derive(Deserialize)]
pub(super) struct ReplicaSetArguments {
    pub(super) replica_set: String,
}

#[derive(Deserialize)]
pub(super) struct MachineArguments {
    pub(super) host: String,
    pub(super) process: Option<MaybeUnknown<ProcessBlock>>,
}

impl MachineArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        match &self.process {
            None => {
                let mut problems = vec![ArgumentProblem {
                    path: Path::root(),
                    message: "say how the machine is reached: exactly one block `process {}`"
                        .into(),
                }];
                if let Some(reason) = only_local(&self.host) {
                    let message = format!(
                        "`{}` will do only where the machine is `process {{}}`: {reason}",
                        self.host
                    );
                    problems.push(ArgumentProblem { path: Path::attribute("host"), message });
                }
                problems
            }
            Some(MaybeUnknown::Known(it)) => {
                let absolute = |name: &str, path: &str| {
                    let message = format!(
                        "`{path}` must be an absolute path: mongod and `ha` need not have the same working directory"
                    );
                    (!path.starts_with('/')).then(|| ArgumentProblem {
                        path: Path::attribute("process").name(name),
                        message,
                    })
                };
                let mut problems: Vec<ArgumentProblem> =
                    [absolute("root", &it.root), absolute("mongod", &it.mongod)]
                        .into_iter()
                        .flatten()
                        .collect();
                if it.root.trim_end_matches('/').is_empty() {
                    let message =
                        "the root of the file system is no folder for a mongod that is tried out"
                            .to_owned();
                    problems.push(ArgumentProblem {
                        path: Path::attribute("process").name("root"),
                        message,
                    });
                }
                problems
            }
            Some(MaybeUnknown::Unknown) => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct VersionArguments {
    version: String,
}

impl VersionArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let message = match ReleaseSeries::from_version(&self.version) {
            Ok(release) if release >= TLS_NAMES => return Vec::new(),
            Ok(release) => format!(
                "MongoDB {release} is older than the oldest server that can be managed from here ({TLS_NAMES}): only its files can be \
                 rendered, with `mongodb_config`"
            ),
            Err(message) => message,
        };
        vec![ArgumentProblem { path: Path::attribute("version"), message }]
    }
}

#[derive(Deserialize)]
pub(super) struct CertificateArguments {
    pub(super) host: String,
    certificate_pem: String,
}

impl CertificateArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let problem =
            |message| ArgumentProblem { path: Path::attribute("certificate_pem"), message };
        unfit_for(&self.host, &self.certificate_pem).into_iter().map(problem).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct SignatureArguments {
    certificate_pem: String,
    ca_certificate_pem: String,
}

impl SignatureArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let problem =
            |message| ArgumentProblem { path: Path::attribute("certificate_pem"), message };
        not_signed_by(&self.ca_certificate_pem, &self.certificate_pem)
            .map(problem)
            .into_iter()
            .collect()
    }
}

#[derive(Deserialize)]
pub(super) struct ConfigArguments {
    config: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) replica_set: String,
    pub(super) process: KnownRoot,
}

impl ConfigArguments {
    /// What of mongod.conf contradicts the other arguments; a setting that is not found is taken to
    /// be right.
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let layout = self.process.layout();
        let expected = [
            ("net.port", self.port.to_string(), "port"),
            ("replication.replSetName", self.replica_set.clone(), "replica_set"),
            ("storage.dbPath", layout.data(), "process.root"),
            ("systemLog.path", layout.log(), "process.root"),
            ("net.tls.certificateKeyFile", layout.certificate(), "process.root"),
            ("net.tls.clusterFile", layout.certificate(), "process.root"),
            ("net.tls.CAFile", layout.authority(), "process.root"),
        ];
        let mut messages: Vec<String> = Vec::new();
        for (path, expected, name) in expected {
            if let Some(actual) = setting(&self.config, path).filter(|it| *it != expected) {
                messages.push(format!(
                    "it says `{path}: {actual}`, and `{name}` makes that `{expected}`"
                ));
            }
        }
        let requirement = [
            ("processManagement.fork", "true", "mongod must go into the background by itself"),
            ("net.tls.mode", "requireTLS", "no listener may be open without TLS"),
            (
                "security.authorization",
                "enabled",
                "no client may do anything before it has proved who it is",
            ),
            (
                "security.clusterAuthMode",
                "x509",
                "members must know each other by their certificates",
            ),
            (
                "setParameter.enableLocalhostAuthBypass",
                "false",
                "an anonymous client on the host could make itself the administrator",
            ),
        ];
        for (path, expected, why) in requirement {
            if setting(&self.config, path).as_deref() != Some(expected) {
                messages.push(format!("it must say `{path}: {expected}`: {why}"));
            }
        }
        let addresses = setting(&self.config, "net.bindIp").unwrap_or_default();
        let own = self.host.trim_matches(['[', ']']);
        if own.parse::<std::net::IpAddr>().is_ok()
            && !addresses.split(',').any(|it| [own, "0.0.0.0", "::", "*"].contains(&it.trim()))
        {
            messages.push(format!("its `net.bindIp` lacks {own}, so no one could reach it there"));
        }
        messages
            .into_iter()
            .map(|message| ArgumentProblem { path: Path::attribute("config"), message })
            .collect()
    }
}

#[derive(Deserialize)]
pub(super) struct PermissionArguments {
    file_permissions: FilePermissions,
}

impl PermissionArguments {
    pub(super) fn problems(&self) -> Vec<ArgumentProblem> {
        let problem = |(name, message)| ArgumentProblem {
            path: Path::attribute("file_permissions").name(name),
            message,
        };
        self.file_permissions.problems().into_iter().map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use ha_provider::Immutable;

    use super::*;

    fn process(root: &str) -> Option<MaybeUnknown<ProcessBlock>> {
        Some(MaybeUnknown::Known(ProcessBlock {
            root: Immutable(root.into()),
            mongod: "/usr/bin/mongod".into(),
        }))
    }

    fn conf() -> String {
        "net:\n  port: 27117\n  bindIp: \"127.0.0.11\"\n  tls:\n    mode: requireTLS\nsecurity:\n  authorization: enabled\n  \
         clusterAuthMode: x509\nreplication:\n  replSetName: circle\nprocessManagement:\n  fork: true\nsetParameter:\n  \
         enableLocalhostAuthBypass: false\n"
            .to_owned()
    }

    fn configured(config: String) -> Vec<String> {
        let process = KnownRoot { root: "/srv/a".into() };
        let it = ConfigArguments {
            config,
            host: "127.0.0.11".into(),
            port: 27117,
            replica_set: "circle".into(),
            process,
        };
        it.problems().into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn a_host_says_how_it_is_reached() {
        let nowhere = MachineArguments { host: "127.0.0.11".into(), process: None };
        let messages: Vec<String> = nowhere.problems().into_iter().map(|it| it.message).collect();
        assert!(
            messages[0].contains("exactly one block")
                && messages[1].contains("`127.0.0.11` will do only"),
            "{messages:?}"
        );
        assert_eq!(
            MachineArguments { host: "127.0.0.11".into(), process: process("/srv/a") }.problems(),
            []
        );
        assert_eq!(
            MachineArguments { host: "a".into(), process: process("srv") }.problems()[0]
                .path
                .to_string(),
            "process.root"
        );
        assert_eq!(
            MachineArguments { host: "a".into(), process: process("/") }.problems().len(),
            1
        );
        assert_eq!(
            MachineArguments { host: "a".into(), process: Some(MaybeUnknown::Unknown) }.problems(),
            []
        );
    }

    #[test]
    fn a_release_that_the_driver_cannot_talk_to_is_refused() {
        let message = |version: &str| {
            VersionArguments { version: version.into() }.problems().pop().map(|it| it.message)
        };
        assert_eq!(message("6.0.5"), None);
        assert!(message("3.2.11").unwrap().contains("older than the oldest server"));
        assert!(message("12.0").unwrap().contains("not known"));
    }

    #[test]
    fn a_configuration_that_contradicts_the_arguments_is_refused() {
        assert_eq!(configured(conf()), Vec::<String>::new());
        let elsewhere = configured(
            conf().replace("27117", "27017") + "storage:\n  dbPath: /srv/b/mongo/data\n",
        );
        assert_eq!(
            elsewhere,
            [
                "it says `net.port: 27017`, and `port` makes that `27117`",
                "it says `storage.dbPath: /srv/b/mongo/data`, and `process.root` makes that `/srv/a/mongo/data`",
            ]
        );
        assert!(configured(conf().replace("127.0.0.11", "127.0.0.1"))[0].contains("bindIp"));
    }

    #[test]
    fn a_configuration_that_lets_strangers_in_is_refused() {
        for (from, to) in [
            ("requireTLS", "preferTLS"),
            ("authorization: enabled", "authorization: disabled"),
            ("x509", "keyFile"),
            ("  enableLocalhostAuthBypass: false\n", "  logLevel: 1\n"),
            ("fork: true", "fork: false"),
        ] {
            assert_eq!(configured(conf().replace(from, to)).len(), 1, "{from}");
        }
    }
}
