//! Users as they are, in the words of their arguments.

use std::collections::BTreeSet;

use futures::future::join_all;
use ha_provider::{RecordedResource, ResourceReading, Secret};
use mongodb::bson::{Bson, Document, doc};

use super::{AuthenticationRestriction, MongodbUser, MongodbUserOutputs, ScramMechanism, UserRole};
use crate::MongodbProvider;
use crate::authority::ClientAccess;
use crate::error::cause;
use crate::member::{LoginResult, MemberClient};
use crate::replica_set_status::{close, hellos, members};

/// What became of each of these users, in the order asked.
pub(super) async fn readings(
    mongodb: &MongodbProvider,
    known: &[RecordedResource<MongodbUser>],
) -> Vec<ResourceReading<MongodbUser>> {
    let mut readings: Vec<Option<ResourceReading<MongodbUser>>> =
        known.iter().map(|_| None).collect();
    let sets = by_set(known);
    let looks = sets.iter().map(async |indices| {
        (
            indices,
            look(mongodb, &indices.iter().map(|it| &known[*it].arguments).collect::<Vec<_>>())
                .await,
        )
    });
    for (indices, found) in join_all(looks).await {
        for (index, reading) in indices.iter().zip(found) {
            readings[*index] = Some(reading);
        }
    }
    readings.into_iter().map(|it| it.expect("every user is in one of the sets")).collect()
}

/// The indices of users that one connection can ask about.
fn by_set(known: &[RecordedResource<MongodbUser>]) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for (index, it) in known.iter().enumerate() {
        let same = |other: &usize| {
            let (a, b) = (&it.arguments, &known[*other].arguments);
            (&*a.replica_set, &a.hosts, &a.authority) == (&*b.replica_set, &b.hosts, &b.authority)
        };
        match sets.iter_mut().find(|set| same(&set[0])) {
            Some(set) => set.push(index),
            None => sets.push(vec![index]),
        }
    }
    sets
}

/// What a member said of users.
struct UserReport {
    /// Who said it.
    endpoint: String,
    users: Vec<Document>,
    offered: BTreeSet<ScramMechanism>,
}

/// Looks at users of one set.
async fn look(
    mongodb: &MongodbProvider,
    users: &[&MongodbUser],
) -> Vec<ResourceReading<MongodbUser>> {
    let set = users[0];
    let said = match mongodb
        .access(&set.authority, &set.hosts)
        .and_then(|access| members(&set.hosts, &access))
    {
        Ok(members) => {
            let said = said(users, &members).await;
            close(members).await;
            said
        }
        Err(error) => Err(error.to_string()),
    };
    let each = users.iter().map(async |user| match &said {
        Ok(said) => match said.users.iter().find(|it| user.is(it)) {
            Some(found) => user.reading(found, said).await,
            None => ResourceReading::Gone,
        },
        Err(reason) => ResourceReading::Unchecked(format!(
            "no one says whether the user `{}` is there: {reason}",
            *user.name
        )),
    });
    join_all(each).await
}

/// What the primary knows of these users, or, where there is none, whoever has the data.
async fn said(users: &[&MongodbUser], members: &[MemberClient]) -> Result<UserReport, String> {
    let set = &*users[0].replica_set;
    let answers = hellos(members).await;
    let mut reasons = Vec::new();
    let mut candidates = Vec::new();
    for (member, answer) in members.iter().zip(&answers) {
        match answer {
            Ok(hello) if hello.set.as_deref() != Some(set) => {
                reasons.push(format!("{} is not in the set `{set}`", member.endpoint))
            }
            Ok(hello) if hello.is_primary => candidates.insert(0, member),
            Ok(hello) if hello.is_secondary => candidates.push(member),
            Ok(_) => reasons.push(format!("{} holds no data now", member.endpoint)),
            Err(error) => reasons.push(format!("{}: {}", member.endpoint, cause(error))),
        }
    }
    let asked: Vec<Document> =
        users.iter().map(|it| doc! { "user": &*it.name, "db": &*it.database }).collect();
    let command = doc! { "usersInfo": &asked, "showAuthenticationRestrictions": true };
    for member in candidates {
        match tokio::try_join!(member.run(command.clone()), member.run(offer())) {
            Ok((answer, offer)) => {
                let users = documents(&answer, "users").cloned().collect();
                return Ok(UserReport {
                    endpoint: member.endpoint.clone(),
                    users,
                    offered: offered(&offer),
                });
            }
            Err(error) => reasons.push(format!("{}: {}", member.endpoint, cause(&error))),
        }
    }
    Err(reasons.join("; "))
}

/// The command that asks which mechanisms a server offers.
pub(super) fn offer() -> Document {
    doc! { "getParameter": 1, "authenticationMechanisms": 1 }
}

/// The mechanisms with passwords among those that a server offers: a new user has these by itself.
pub(super) fn offered(answer: &Document) -> BTreeSet<ScramMechanism> {
    mechanisms(answer, "authenticationMechanisms")
}

fn mechanisms(document: &Document, name: &str) -> BTreeSet<ScramMechanism> {
    let names = document.get_array(name).map(Vec::as_slice).unwrap_or_default();
    ScramMechanism::ALL
        .into_iter()
        .filter(|mechanism| names.iter().any(|it| it.as_str() == Some(mechanism.name())))
        .collect()
}

fn documents<'a>(document: &'a Document, name: &str) -> impl Iterator<Item = &'a Document> {
    document
        .get_array(name)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(Bson::as_document)
}

impl MongodbUser {
    fn is(&self, user: &Document) -> bool {
        user.get_str("user").ok() == Some(&self.name)
            && user.get_str("db").ok() == Some(&self.database)
    }

    async fn reading(&self, found: &Document, said: &UserReport) -> ResourceReading<Self> {
        let mut arguments = self.as_found(found, &said.offered);
        let mut remarks = Vec::new();
        let may_log_in_anywhere =
            ["authenticationRestrictions", "inheritedAuthenticationRestrictions"]
                .iter()
                .all(|it| restrictions(found, it).is_empty());
        let common = mechanisms(found, "mechanisms").intersection(&said.offered).copied().max();
        // Whoever is not let in from here tells nothing about the password.
        if let Some(mechanism) = common.filter(|_| may_log_in_anywhere && !self.password.is_empty())
            && self.log_in(mechanism, &said.endpoint).await == LoginResult::Refused
        {
            remarks.push(format!(
                "the user `{}` in `{}` has another password",
                *self.name, *self.database
            ));
            arguments.password = Secret(String::new());
        }
        ResourceReading::Found { arguments, outputs: MongodbUserOutputs {}, remarks }
    }

    async fn log_in(&self, mechanism: ScramMechanism, endpoint: &str) -> LoginResult {
        let Ok(access) = ClientAccess::anonymous(&self.authority.certificate_pem) else {
            return LoginResult::Untold;
        };
        let mechanism = match mechanism {
            ScramMechanism::ScramSha1 => mongodb::options::AuthMechanism::ScramSha1,
            ScramMechanism::ScramSha256 => mongodb::options::AuthMechanism::ScramSha256,
        };
        MemberClient::log_in(
            endpoint,
            &access,
            mechanism,
            (&self.database, &self.name, &self.password),
        )
        .await
    }

    fn as_found(&self, user: &Document, offered: &BTreeSet<ScramMechanism>) -> Self {
        let role = |it: &Document| UserRole {
            role: it.get_str("role").unwrap_or_default().to_owned(),
            db: it.get_str("db").unwrap_or_default().to_owned(),
        };
        let has = mechanisms(user, "mechanisms");
        Self {
            name: self.name.clone(),
            database: self.database.clone(),
            password: self.password.clone(),
            roles: documents(user, "roles").map(role).collect(),
            mechanisms: if self.mechanisms.is_empty() && has == *offered {
                BTreeSet::new()
            } else {
                has
            },
            authentication_restrictions: restrictions(user, "authenticationRestrictions")
                .into_iter()
                .map(|it| self.as_written(it))
                .collect(),
            replica_set: self.replica_set.clone(),
            hosts: self.hosts.clone(),
            authority: self.authority.clone(),
        }
    }

    /// A restriction in the words of the configuration, where that says the same in other words:
    /// the server adds the length of the network to every address.
    fn as_written(&self, found: AuthenticationRestriction) -> AuthenticationRestriction {
        let same = self.authentication_restrictions.iter().find(|it| normal(it) == normal(&found));
        same.cloned().unwrap_or(found)
    }
}

fn restrictions(user: &Document, name: &str) -> BTreeSet<AuthenticationRestriction> {
    // Those that come with roles are grouped by role.
    let all = user.get_array(name).map(Vec::as_slice).unwrap_or_default().iter();
    let flat =
        all.flat_map(|it| it.as_array().map_or_else(|| vec![it], |inner| inner.iter().collect()));
    let texts = |it: &Document, name: &str| -> BTreeSet<String> {
        it.get_array(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter_map(Bson::as_str)
            .map(str::to_owned)
            .collect()
    };
    let restriction = |it: &Document| AuthenticationRestriction {
        client_source: texts(it, "clientSource"),
        server_address: texts(it, "serverAddress"),
    };
    flat.filter_map(Bson::as_document).map(restriction).collect()
}

fn normal(restriction: &AuthenticationRestriction) -> AuthenticationRestriction {
    let whole = |it: &String| {
        it.strip_suffix("/32").or_else(|| it.strip_suffix("/128")).unwrap_or(it).to_owned()
    };
    AuthenticationRestriction {
        client_source: restriction.client_source.iter().map(whole).collect(),
        server_address: restriction.server_address.iter().map(whole).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restrictions_are_found_whichever_way_they_are_grouped() {
        let one = AuthenticationRestriction {
            client_source: ["10.0.0.0/8".to_owned()].into(),
            server_address: BTreeSet::new(),
        };
        let flat = doc! { "it": [{ "clientSource": ["10.0.0.0/8"] }] };
        let grouped = doc! { "it": [[{ "clientSource": ["10.0.0.0/8"] }]] };
        assert_eq!(restrictions(&flat, "it"), [one.clone()].into());
        assert_eq!(restrictions(&grouped, "it"), [one].into());
        assert!(restrictions(&doc! { "it": [[]] }, "it").is_empty());
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        let with = |text: &str| AuthenticationRestriction {
            client_source: [text.to_owned()].into(),
            server_address: BTreeSet::new(),
        };
        assert_eq!(normal(&with("127.0.0.1")), normal(&with("127.0.0.1/32")));
        assert_ne!(normal(&with("127.0.0.0/8")), normal(&with("127.0.0.0/9")));
    }
}
