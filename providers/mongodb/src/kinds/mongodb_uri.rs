//! Connection strings.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Document};
use ha_value::{Path, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::percent::percent_encoded;

/// Builds a `mongodb://` connection string that names every member, so that clients survive the
/// loss of any one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct MongodbUri {
    /// All members, as `host:port`.
    hosts: Vec<Text>,
    /// The replica set's name.
    replica_set: Text,
    /// Who logs in.
    user: Option<Text>,
    /// The user's password, as it is; it is percent-encoded here.
    password: Option<Text>,
    /// The database that the application uses.
    database: Option<Text>,
    /// The database that the user lives in; `admin` when left out.
    auth_source: Option<Text>,
    /// How TLS is asked for: old drivers know `ssl=true` only, and new ones understand both.
    #[serde(default)]
    tls_option: TlsOption,
    /// Further options by name.
    #[serde(default)]
    options: BTreeMap<String, Text>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TlsOption {
    /// `ssl=true`.
    #[default]
    Ssl,
    /// `tls=true`.
    Tls,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MongodbUriOutputs {
    /// The connection string.
    uri: Text,
}

/// Options that arguments of their own decide.
const DECIDED: &[&str] = &["replicaSet", "ssl", "tls", "authSource"];

impl Document for MongodbUri {
    const KIND: &'static str = "mongodb_uri";
    type Outputs = MongodbUriOutputs;

    fn render(&self) -> Result<MongodbUriOutputs, Vec<ArgumentProblem>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut uri = Text::from("mongodb://");
        if let Some(user) = &self.user {
            uri.push(&user.map(percent_encoded));
            if let Some(password) = &self.password {
                uri.push_str(":");
                uri.push(&password.map(percent_encoded));
            }
            uri.push_str("@");
        }
        for (index, host) in self.hosts.iter().enumerate() {
            uri.push_str(if index > 0 { "," } else { "" });
            uri.push(host);
        }
        uri.push_str("/");
        if let Some(database) = &self.database {
            uri.push(&database.map(percent_encoded));
        }
        uri.push_str("?replicaSet=");
        uri.push(&self.replica_set.map(percent_encoded));
        uri.push_str(match self.tls_option {
            TlsOption::Ssl => "&ssl=true",
            TlsOption::Tls => "&tls=true",
        });
        if self.user.is_some() {
            uri.push_str("&authSource=");
            uri.push(&self.auth_source.as_ref().unwrap_or(&"admin".into()).map(percent_encoded));
        }
        for (name, value) in &self.options {
            uri.push_str(&format!("&{}=", percent_encoded(name)));
            uri.push(&value.map(percent_encoded));
        }
        Ok(MongodbUriOutputs { uri })
    }
}

impl MongodbUri {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        let mut wrong = |name: &str, message: &str| {
            problems.push(ArgumentProblem { path: Path::attribute(name), message: message.into() })
        };
        if self.hosts.is_empty() {
            wrong("hosts", "a connection string names at least one host");
        }
        if self
            .hosts
            .iter()
            .filter_map(Text::known)
            .any(|it| it.is_empty() || it.contains(['/', '@', ',', ' ', '?', '#']))
        {
            wrong("hosts", "a host is written `name:port`, one per element");
        }
        if self.replica_set.known().is_some_and(|it| it.is_empty()) {
            wrong(
                "replica_set",
                "without the set's name a client stays with one member and does not follow the primary",
            );
        }
        if self.user.is_none() && self.password.is_some() {
            wrong("password", "a password needs a user");
        }
        let empty =
            |it: &Option<Text>| it.as_ref().and_then(Text::known).is_some_and(|it| it.is_empty());
        if empty(&self.user) {
            wrong("user", "the user's name is empty");
        }
        if empty(&self.password) {
            wrong("password", "the password is empty");
        }
        if self.options.keys().any(|name| DECIDED.iter().any(|it| it.eq_ignore_ascii_case(name))) {
            wrong(
                "options",
                "`replicaSet`, `ssl`, `tls` and `authSource` follow from arguments of their own",
            );
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use ha_value::TextPart;

    use super::*;

    fn uri() -> MongodbUri {
        MongodbUri {
            hosts: vec!["a:1".into(), "b:2".into(), "c:3".into()],
            replica_set: "circle".into(),
            user: Some("circle".into()),
            password: Some(Text::secret("$%@/' x")),
            database: Some("circle_ghe".into()),
            auth_source: None,
            tls_option: TlsOption::Ssl,
            options: BTreeMap::new(),
        }
    }

    #[test]
    fn it_names_every_host_and_keeps_the_password_apart() {
        let text = uri().render().unwrap().uri;
        let expected = "mongodb://circle:%24%25%40%2F%27%20x@a:1,b:2,c:3/circle_ghe?replicaSet=circle&ssl=true&authSource=admin";
        assert_eq!(text.known().as_deref(), Some(expected));
        assert_eq!(text.parts()[0], TextPart::Clear("mongodb://circle:".into()));
        assert_eq!(text.parts()[1], TextPart::Secret("%24%25%40%2F%27%20x".into()));
    }

    #[test]
    fn an_unknown_host_is_the_only_unknown_part() {
        let uri =
            MongodbUri { hosts: vec!["a:1".into(), Text::unknown(Some("b.c.d".into()))], ..uri() };
        let text = uri.render().unwrap().uri;
        assert_eq!(
            text.parts().iter().filter(|it| matches!(it, TextPart::Unknown { .. })).count(),
            1
        );
        assert_eq!(
            text.parts().last(),
            Some(&TextPart::Clear(
                "/circle_ghe?replicaSet=circle&ssl=true&authSource=admin".into()
            ))
        );
    }

    #[test]
    fn the_drivers_own_parser_reads_it_back() {
        let text = MongodbUri { tls_option: TlsOption::Tls, ..uri() }
            .render()
            .unwrap()
            .uri
            .known()
            .unwrap();
        let read = mongodb::options::ConnectionString::parse(&text).unwrap();
        assert_eq!(read.credential.unwrap().password.as_deref(), Some("$%@/' x"));
        assert_eq!(read.replica_set.as_deref(), Some("circle"));
        assert_eq!(
            read.host_info,
            mongodb::options::HostInfo::HostIdentifiers(vec![
                "a:1".parse().unwrap(),
                "b:2".parse().unwrap(),
                "c:3".parse().unwrap(),
            ])
        );
    }

    #[test]
    fn what_no_client_could_use_is_refused() {
        let wrong = MongodbUri {
            hosts: vec![],
            user: None,
            options: [("SSL".into(), "no".into())].into(),
            ..uri()
        };
        let names: Vec<String> =
            wrong.render().unwrap_err().iter().map(|it| it.path.to_string()).collect();
        assert_eq!(names, ["hosts", "password", "options"]);
    }
}
