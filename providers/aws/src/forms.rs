//! Patterns of AWS ids, names and ARNs, so that a value of another form is refused at its line
//! while planning.

use ha_provider::ArgumentProblem;
use ha_value::Path;
use regex::Regex;
use serde_json::Value as Json;

/// The pattern of a value.
pub(crate) struct Form {
    /// Regular expression that the whole value matches.
    pattern: &'static str,
    /// The meaning of the value, for a message: `the id of a subnet`.
    what: &'static str,
    example: &'static str,
}

impl Form {
    pub(crate) const fn new(
        pattern: &'static str,
        what: &'static str,
        example: &'static str,
    ) -> Self {
        Self { pattern, what, example }
    }
}

pub(crate) const SECURITY_GROUP: Form =
    Form::new("sg-[0-9a-z]+", "the id of a security group", "sg-0a1b2c3d4e5f60718");
/// The id of a security group, with an account id in front for one of another account.
pub(crate) const PEER_GROUP: Form =
    Form::new("([0-9]{12}/)?sg-[0-9a-z]+", SECURITY_GROUP.what, SECURITY_GROUP.example);
pub(crate) const SUBNET: Form =
    Form::new("subnet-[0-9a-z]+", "the id of a subnet", "subnet-0a1b2c3d4e5f60718");
pub(crate) const NETWORK: Form =
    Form::new("vpc-[0-9a-z]+", "the id of a VPC", "vpc-0a1b2c3d4e5f60718");
pub(crate) const PREFIX_LIST: Form =
    Form::new("pl-[0-9a-z]+", "the id of a prefix list", "pl-0a1b2c3d4e5f60718");
pub(crate) const IMAGE: Form =
    Form::new("ami-[0-9a-z]{1,17}|resolve:ssm:.+", "the id of an image", "ami-0a1b2c3d4e5f60718");
pub(crate) const SNAPSHOT: Form =
    Form::new("snap-[0-9a-z]+", "the id of a snapshot", "snap-0a1b2c3d4e5f60718");
pub(crate) const INTERFACE: Form =
    Form::new("eni-[0-9a-z]+", "the id of a network interface", "eni-0a1b2c3d4e5f60718");
pub(crate) const TEMPLATE: Form =
    Form::new("lt-[0-9a-z]+", "the id of a launch template", "lt-0a1b2c3d4e5f60718");
pub(crate) const TEMPLATE_NAME: Form =
    Form::new(r"[a-zA-Z0-9().\-/_]{3,128}", "the name of a launch template", "services");
pub(crate) const MACHINE: Form =
    Form::new("[a-z0-9-]+[.][a-z0-9-]+", "an instance type", "m5.large");
pub(crate) const ZONE: Form =
    Form::new("[a-z]+(-[a-z0-9]+)+", "an availability zone", "eu-west-1a");

pub(crate) const ROLE: Form = Form::new(
    "arn:aws[a-z-]*:iam::[0-9]{12}:role/.+",
    "the ARN of a role",
    "arn:aws:iam::123456789012:role/build",
);
pub(crate) const POLICY: Form = Form::new(
    "arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+",
    "the ARN of a policy",
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
);
pub(crate) const PROFILE: Form = Form::new(
    "arn:aws[a-z-]*:iam::[0-9]{12}:instance-profile/.+",
    "the ARN of an instance profile",
    "arn:aws:iam::123456789012:instance-profile/build",
);
pub(crate) const TARGET_GROUP: Form = Form::new(
    "arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/.+",
    "the ARN of a target group",
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0a1b2c3d4e5f6071",
);

/// A check of arguments by pattern. Fields of blocks are named as `BLOCK.FIELD`; each element of a
/// collection is checked.
pub(crate) fn check(
    table: &'static [(&'static str, Form)],
) -> impl Fn(Json) -> Vec<ArgumentProblem> + Send + Sync {
    let compiled = |(place, form): &'static (&'static str, Form)| {
        let whole = Regex::new(&format!("^(?:{})$", form.pattern))
            .expect("the patterns of this file are valid");
        (place.split('.').collect::<Vec<_>>(), form, whole)
    };
    let rows: Vec<_> = table.iter().map(compiled).collect();
    move |arguments| {
        let mut problems = Vec::new();
        for (place, form, whole) in &rows {
            each(&arguments, place, &Path::root(), &mut |at, text| {
                if !whole.is_match(text) {
                    let message =
                        format!("`{text}` is not {}; one looks like `{}`", form.what, form.example);
                    problems.push(ArgumentProblem { path: at, message });
                }
            });
        }
        problems
    }
}

/// Calls `visit` for each string at a place. An unknown value is a JSON object there and is
/// skipped.
fn each(value: &Json, place: &[&str], at: &Path, visit: &mut impl FnMut(Path, &str)) {
    match (value, place) {
        (Json::String(text), []) => visit(at.clone(), text),
        (Json::Array(items), _) => items
            .iter()
            .enumerate()
            .for_each(|(index, it)| each(it, place, &at.index(index), visit)),
        (Json::Object(fields), [first, rest @ ..]) => {
            if let Some(value) = fields.get(*first) {
                each(value, rest, &at.name(*first), visit);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_the_place_of_a_value_that_does_not_match() {
        static TABLE: [(&str, Form); 3] =
            [("groups", SECURITY_GROUP), ("interfaces.subnet", SUBNET), ("type", MACHINE)];
        let problems = check(&TABLE)(json!({
            "groups": ["sg-1", "default", {"$unknown": ["string", null]}],
            "interfaces": [{"subnet": "subnet-1"}, {"subnet": "net-1"}, {}],
            "type": "db.m5.large",
        }));
        let places: Vec<String> = problems.iter().map(|it| it.path.to_string()).collect();
        assert_eq!(places, ["groups[1]", "interfaces[1].subnet", "type"]);
        assert!(
            problems[0]
                .message
                .starts_with("`default` is not the id of a security group; one looks like `sg-")
        );
    }

    #[test]
    fn every_example_matches_its_pattern() {
        static TABLE: [(&str, Form); 15] = [
            ("it", SECURITY_GROUP),
            ("it", PEER_GROUP),
            ("it", SUBNET),
            ("it", NETWORK),
            ("it", PREFIX_LIST),
            ("it", IMAGE),
            ("it", SNAPSHOT),
            ("it", INTERFACE),
            ("it", TEMPLATE),
            ("it", TEMPLATE_NAME),
            ("it", MACHINE),
            ("it", ZONE),
            ("it", ROLE),
            ("it", POLICY),
            ("it", TARGET_GROUP),
        ];
        for row in TABLE.chunks(1) {
            assert!(
                check(row)(json!({ "it": row[0].1.example })).is_empty(),
                "{}",
                row[0].1.example
            );
        }
    }
}
