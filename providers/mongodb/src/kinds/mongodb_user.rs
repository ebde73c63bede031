//! Users.

use std::collections::BTreeSet;

use futures::future::join_all;
use ha_kind::{
    Attempt, Created, Error, Hooks, Immutable, Known, Object, Outcome, Path, Problem, Reading, Recorded, Resource, Secret,
    known_text,
};
use mongodb::bson::{Document, doc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Mongodb;
use crate::authority::Authority;
use crate::failure::{cause, failed};
use crate::member::{Member, code};
use crate::set::{close, hellos, members, on_primary};

/// A user of a replica set, made over TLS by a member's certificate that lives for an hour in memory; the password
/// goes nowhere but to the primary.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MongodbUser {
    /// The name to log in with.
    name: Immutable<String>,
    /// The database that the user lives in, and that connection strings name as `authSource`.
    #[serde(default = "admin")]
    database: Immutable<String>,
    /// The password. One that was changed elsewhere is not noticed.
    password: Secret<String>,
    /// What the user may do.
    roles: BTreeSet<Role>,
    /// The set's name, from `mongodb_replica_set`.
    replica_set: Immutable<String>,
    /// The set's members as `host:port`, from `mongodb_replica_set.NAME.hosts`.
    hosts: Vec<String>,
    /// Who may act inside the set; the same as the set's.
    authority: Authority,
}

/// A role in a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct Role {
    /// The role's name, such as `readWrite`.
    role: String,
    /// The database that it is for.
    db: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

fn admin() -> Immutable<String> {
    Immutable("admin".to_owned())
}

/// Roles that exist in the database `admin` alone.
const ADMIN_ONLY: &[&str] = &[
    "root",
    "backup",
    "restore",
    "clusterAdmin",
    "clusterManager",
    "clusterMonitor",
    "hostManager",
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "userAdminAnyDatabase",
    "dbAdminAnyDatabase",
];

const USER_NOT_FOUND: i32 = 11;
const USER_EXISTS: i32 = 51003;

impl Resource for MongodbUser {
    const KIND: &'static str = "mongodb_user";
    const WITHIN: &'static [&'static str] = &["mongodb_replica_set"];
    type Provider = Mongodb;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .unique(&["hosts", "database", "name"])
            .check(|it: Named| it.problems())
            .check(|it: WithPassword| it.problems())
            .check(|it: WithRoles| it.problems())
    }

    async fn create(&self, mongodb: &Mongodb, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        let members = members(&self.hosts, &mongodb.access(&self.authority, &self.hosts)?)?;
        let made = self.made(&members, attempt).await;
        close(members).await;
        made.map(|()| Created { id: self.id(), outputs: Outputs {} })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        let (database, name) = id.split_once('.').ok_or("the id of a user is `DATABASE.NAME`, such as `admin.ops`")?;
        Ok(Known::by(id).argument("database", database).argument("name", name))
    }

    fn named(arguments: &Object) -> Option<String> {
        Some(format!("{}.{}", known_text(arguments, "database")?, known_text(arguments, "name")?))
    }

    async fn read(mongodb: &Mongodb, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        let mut readings: Vec<Option<Reading<Self>>> = known.iter().map(|_| None).collect();
        let sets = by_set(known);
        let looks = sets.iter().map(async |indices| {
            (indices, look(mongodb, &indices.iter().map(|it| &known[*it].arguments).collect::<Vec<_>>()).await)
        });
        for (indices, found) in join_all(looks).await {
            for (index, reading) in indices.iter().zip(found) {
                readings[*index] = Some(reading);
            }
        }
        Ok(readings.into_iter().map(|it| it.expect("every user is in one of the sets")).collect())
    }

    async fn update(&self, mongodb: &Mongodb, before: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        let members = members(&self.hosts, &mongodb.access(&self.authority, &self.hosts)?)?;
        let old = &before.arguments;
        let mut change = doc! { "updateUser": &*self.name };
        // A try that was killed may have sent the new password already; sending it again does no harm.
        if *old.password != *self.password || attempt.is_resumed() {
            change.insert("pwd", &*self.password);
        }
        change.insert("roles", self.written_roles());
        let changed = self.run(change, "change", &members, attempt).await;
        close(members).await;
        match changed? {
            (_, Ok(_)) => Ok(Outputs {}),
            (primary, Err(error)) => Err(self.failure("change", &primary, &error)),
        }
    }

    async fn delete(mongodb: &Mongodb, recorded: &Recorded<Self>, attempt: &mut Attempt) -> Result<(), Error> {
        let user = &recorded.arguments;
        let members = members(&user.hosts, &mongodb.access(&user.authority, &user.hosts)?)?;
        let dropped = user.run(doc! { "dropUser": &*user.name }, "delete", &members, attempt).await;
        close(members).await;
        match dropped? {
            (_, Ok(_)) => Ok(()),
            (_, Err(error)) if code(&error) == Some(USER_NOT_FOUND) => Ok(()),
            (primary, Err(error)) => Err(user.failure("delete", &primary, &error)),
        }
    }
}

impl MongodbUser {
    fn id(&self) -> String {
        format!("{}.{}", *self.database, *self.name)
    }

    fn written_roles(&self) -> Vec<Document> {
        self.roles.iter().map(|it| doc! { "role": &it.role, "db": &it.db }).collect()
    }

    fn failure(&self, verb: &str, primary: &str, error: &mongodb::error::Error) -> Error {
        let failure = failed(format!("{verb} the user `{}` in `{}`", *self.name, *self.database), primary, error);
        match code(error) {
            Some(USER_NOT_FOUND) => failure.help("somebody has deleted it meanwhile; plan again, and it is made anew"),
            // RoleNotFound.
            Some(31) => failure.help("a role exists in the database it was made in; those for all databases exist in `admin`"),
            _ => failure,
        }
    }

    /// Runs a command about users on the primary, done when a majority has it.
    async fn run(
        &self,
        mut command: Document,
        verb: &str,
        members: &[Member],
        attempt: &Attempt,
    ) -> Result<(String, mongodb::error::Result<Document>), Error> {
        command.insert("writeConcern", doc! { "w": "majority", "wtimeout": 30_000 });
        let attempted = format!("{verb} the user `{}`", *self.name);
        on_primary(&self.replica_set, members, &self.database, &command, &attempted, attempt).await
    }

    async fn made(&self, members: &[Member], attempt: &Attempt) -> Result<(), Error> {
        if attempt.is_resumed() && self.is_ours(members, attempt).await? {
            return self.finished(members, attempt).await;
        }
        let command = doc! {
            "createUser": &*self.name,
            "pwd": &*self.password,
            "roles": self.written_roles(),
            "customData": { "ha_token": attempt.token() },
        };
        match self.run(command, "create", members, attempt).await? {
            (_, Ok(_)) => Ok(()),
            // The answer to a first try may have been lost on the way.
            (primary, Err(error)) if code(&error) == Some(USER_EXISTS) => match self.is_ours(members, attempt).await? {
                true => self.finished(members, attempt).await,
                false => Err(self
                    .failure("create", &primary, &error)
                    .help("it is not in the state and was made by somebody else; choose another name, or delete it there first")
                    .outcome(Outcome::Refused)),
            },
            (primary, Err(error)) => Err(self.failure("create", &primary, &error)),
        }
    }

    /// Whether an earlier try at this very step made the user.
    async fn is_ours(&self, members: &[Member], attempt: &Attempt) -> Result<bool, Error> {
        let (primary, answer) = self.run_look(members, attempt).await?;
        let answer = answer.map_err(|error| self.failure("look up", &primary, &error))?;
        let token = first_user(&answer).and_then(|it| it.get_document("customData").ok()?.get_str("ha_token").ok());
        Ok(token == Some(attempt.token()))
    }

    async fn run_look(&self, members: &[Member], attempt: &Attempt) -> Result<(String, mongodb::error::Result<Document>), Error> {
        let attempted = format!("look up the user `{}`", *self.name);
        let command = doc! { "usersInfo": { "user": &*self.name, "db": &*self.database }, "showCustomData": true };
        on_primary(&self.replica_set, members, &self.database, &command, &attempted, attempt).await
    }

    /// What an earlier try made, brought to these arguments and to a majority.
    async fn finished(&self, members: &[Member], attempt: &Attempt) -> Result<(), Error> {
        let change = doc! { "updateUser": &*self.name, "pwd": &*self.password, "roles": self.written_roles() };
        match self.run(change, "create", members, attempt).await? {
            (_, Ok(_)) => Ok(()),
            (primary, Err(error)) => Err(self.failure("create", &primary, &error)),
        }
    }

    fn is(&self, user: &Document) -> bool {
        user.get_str("user").ok() == Some(&self.name) && user.get_str("db").ok() == Some(&self.database)
    }

    fn as_found(&self, user: &Document) -> Self {
        let role = |it: &Document| Role {
            role: it.get_str("role").unwrap_or_default().to_owned(),
            db: it.get_str("db").unwrap_or_default().to_owned(),
        };
        let roles = user.get_array("roles").map(Vec::as_slice).unwrap_or_default();
        Self {
            name: self.name.clone(),
            database: self.database.clone(),
            password: self.password.clone(),
            roles: roles.iter().filter_map(|it| it.as_document()).map(role).collect(),
            replica_set: self.replica_set.clone(),
            hosts: self.hosts.clone(),
            authority: self.authority.clone(),
        }
    }
}

fn first_user(answer: &Document) -> Option<&Document> {
    answer.get_array("users").ok()?.first()?.as_document()
}

/// The indices of users that one connection can ask about.
fn by_set(known: &[Recorded<MongodbUser>]) -> Vec<Vec<usize>> {
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

/// Looks at users of one set.
async fn look(mongodb: &Mongodb, users: &[&MongodbUser]) -> Vec<Reading<MongodbUser>> {
    let set = users[0];
    let found = match mongodb.access(&set.authority, &set.hosts).and_then(|access| members(&set.hosts, &access)) {
        Ok(members) => {
            let found = seen(users, &members).await;
            close(members).await;
            found
        }
        Err(error) => Err(error.to_string()),
    };
    let each = |user: &&MongodbUser| match &found {
        Ok(all) => all.iter().find(|it| user.is(it)).map_or(Reading::Gone, |it| Reading::found(user.as_found(it), Outputs {})),
        Err(reason) => Reading::Unchecked(format!("nobody says whether the user `{}` is there: {reason}", *user.name)),
    };
    users.iter().map(each).collect()
}

/// What the primary knows of these users, or, where there is none, whoever has the data.
async fn seen(users: &[&MongodbUser], members: &[Member]) -> Result<Vec<Document>, String> {
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
    let asked: Vec<Document> = users.iter().map(|it| doc! { "user": &*it.name, "db": &*it.database }).collect();
    for member in candidates {
        match member.run(doc! { "usersInfo": &asked }).await {
            Ok(answer) => {
                let found = answer.get_array("users").map(Vec::as_slice).unwrap_or_default();
                return Ok(found.iter().filter_map(|it| it.as_document()).cloned().collect());
            }
            Err(error) => reasons.push(format!("{}: {}", member.endpoint, cause(&error))),
        }
    }
    Err(reasons.join("; "))
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Named {
    fn problems(&self) -> Vec<Problem> {
        let problem = Problem { path: Path::attribute("name"), message: "a user needs a name".into() };
        if self.name.is_empty() { vec![problem] } else { Vec::new() }
    }
}

#[derive(Deserialize)]
struct WithPassword {
    password: String,
}

impl WithPassword {
    fn problems(&self) -> Vec<Problem> {
        let message = "the password is empty; anybody could log in".to_owned();
        let problem = Problem { path: Path::attribute("password"), message };
        if self.password.is_empty() { vec![problem] } else { Vec::new() }
    }
}

#[derive(Deserialize)]
struct WithRoles {
    roles: Vec<Role>,
}

impl WithRoles {
    fn problems(&self) -> Vec<Problem> {
        let misplaced = self.roles.iter().filter(|it| ADMIN_ONLY.contains(&&*it.role) && it.db != "admin");
        let problem = |it: &Role| {
            let message = format!("the role `{}` exists in the database `admin` only, not in `{}`", it.role, it.db);
            Problem { path: Path::attribute("roles"), message }
        };
        misplaced.map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(role: &str, db: &str) -> Role {
        Role { role: role.into(), db: db.into() }
    }

    #[test]
    fn roles_of_the_whole_server_live_in_admin() {
        assert_eq!(WithRoles { roles: vec![role("root", "admin"), role("readWrite", "circle_ghe")] }.problems(), []);
        let problems = WithRoles { roles: vec![role("root", "circle_ghe")] }.problems();
        assert!(problems[0].message.contains("`root` exists in the database `admin` only"));
    }

    #[test]
    fn an_empty_password_is_refused() {
        assert_eq!(WithPassword { password: String::new() }.problems().len(), 1);
        assert_eq!(WithPassword { password: "x".into() }.problems(), []);
        assert_eq!(Named { name: String::new() }.problems().len(), 1);
    }
}
