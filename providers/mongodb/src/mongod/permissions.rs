//! Who may read what lies on a machine.

use ha_provider::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mongod;
use crate::machine::Machine;

/// The permissions of what is put on the machine, as `chmod` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct FilePermissions {
    /// Of the member's certificate with its key.
    certificate: String,
    /// Of the authority's certificate.
    ca_certificate: String,
    /// Of mongod.conf.
    config: String,
    /// Of the folder with the data.
    data: String,
}

impl Default for FilePermissions {
    fn default() -> Self {
        let [certificate, ca_certificate, config, data] =
            ["0400", "0600", "0600", "0700"].map(str::to_owned);
        Self { certificate, ca_certificate, config, data }
    }
}

impl FilePermissions {
    pub(super) fn of_certificate(&self) -> u32 {
        mode(&self.certificate).unwrap_or(0o400)
    }

    pub(super) fn of_authority(&self) -> u32 {
        mode(&self.ca_certificate).unwrap_or(0o600)
    }

    pub(super) fn of_config(&self) -> u32 {
        mode(&self.config).unwrap_or(0o600)
    }

    fn of_data(&self) -> u32 {
        mode(&self.data).unwrap_or(0o700)
    }

    /// What is wrong with them, each with its name.
    pub(crate) fn problems(&self) -> Vec<(&'static str, String)> {
        let secret = "the key in it is no one else's";
        let each = [
            ("certificate", &self.certificate, 0o400, 0o137, secret),
            ("ca_certificate", &self.ca_certificate, 0o400, 0o133, "no one else may change it"),
            ("config", &self.config, 0o400, 0o137, "what it says of the host is no one else's"),
            ("data", &self.data, 0o700, 0o027, "the data is no one else's"),
        ];
        let problem =
            |(name, text, needed, forbidden, why): (&'static str, &String, u32, u32, &str)| {
                match mode(text) {
                    None => Some((
                        name,
                        format!("`{text}` is not three or four octal digits, such as `0600`"),
                    )),
                    Some(mode) if mode & needed != needed => {
                        Some((name, format!("with `{text}` mongod itself could not use it")))
                    }
                    Some(mode) if mode & forbidden != 0 || mode > 0o777 => {
                        Some((name, format!("`{text}` allows too much: {why}")))
                    }
                    Some(_) => None,
                }
            };
        each.into_iter().filter_map(problem).collect()
    }
}

fn mode(text: &str) -> Option<u32> {
    let is_octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|it| (b'0'..=b'7').contains(&it));
    if is_octal { u32::from_str_radix(text, 8).ok() } else { None }
}

impl<M: Machine> Mongod<'_, M> {
    fn permitted(&self) -> [(String, u32); 4] {
        let (layout, of) = (self.layout, self.permissions);
        [
            (layout.certificate(), of.of_certificate()),
            (layout.authority(), of.of_authority()),
            (layout.conf(), of.of_config()),
            (layout.data(), of.of_data()),
        ]
    }

    /// Sets those that are not as they should be.
    pub(super) async fn put_permissions(&self) -> Result<(), Error> {
        for (path, wanted) in self.permitted() {
            if self.machine.mode(&path).await?.is_some_and(|it| it != wanted) {
                self.machine.set_mode(&path, wanted).await?;
            }
        }
        Ok(())
    }

    /// As they are; those of what is not there are as they should be.
    pub(crate) async fn permissions_there(&self) -> Result<FilePermissions, Error> {
        let wanted = self.permissions;
        let mut there = wanted.clone();
        let [certificate, authority, config, data] = self.permitted();
        let fields = [
            (certificate, &mut there.certificate),
            (authority, &mut there.ca_certificate),
            (config, &mut there.config),
            (data, &mut there.data),
        ];
        for ((path, wanted), field) in fields {
            if let Some(is) = self.machine.mode(&path).await?.filter(|it| *it != wanted) {
                *field = format!("{is:04o}");
            }
        }
        Ok(there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_with_their_owner() {
        assert_eq!(FilePermissions::default().problems(), []);
        let group = FilePermissions {
            certificate: "440".into(),
            config: "0640".into(),
            data: "0750".into(),
            ..FilePermissions::default()
        };
        assert_eq!(group.problems(), []);
        let open = FilePermissions {
            certificate: "0444".into(),
            ca_certificate: "0644".into(),
            config: "0644".into(),
            data: "0755".into(),
        };
        let names: Vec<_> = open.problems().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["certificate", "config", "data"]);
        let odd = FilePermissions {
            certificate: "rw".into(),
            ca_certificate: "0200".into(),
            config: "08".into(),
            data: "0600".into(),
        };
        assert_eq!(odd.problems().len(), 4);
    }
}
