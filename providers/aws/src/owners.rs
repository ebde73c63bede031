//! A check across blocks: one block manages all rules or policies of an object, another a single
//! one of them. Each would undo the other's change in every apply.

use ha_provider::{ArgumentProblem, BlockInstance, ByAttribute, CrossCheck, CrossCheckProblem};
use ha_value::{Path, ResourceMode, Severity, Value};

/// A resource type that can manage all parts of an object, and the type that manages a single part.
struct Claim {
    /// The resource type that can manage all parts.
    owner: &'static str,
    /// The argument that makes it manage all parts, where it is set.
    claims: &'static str,
    /// The attribute by which the other type refers to it.
    attribute: &'static str,
    /// The resource type for a single part.
    single: &'static str,
    /// The argument by which a single part refers to the owner.
    refers: &'static str,
    /// The parts, for a message.
    what: &'static str,
}

const ROLE: &str = "aws_iam_role";
const GROUP: &str = "aws_security_group";
const ATTACHMENT: &str = "aws_iam_role_policy_attachment";
const ROLE_POLICY: &str = "aws_iam_role_policy";
const INGRESS_RULE: &str = "aws_vpc_security_group_ingress_rule";
const EGRESS_RULE: &str = "aws_vpc_security_group_egress_rule";

const CLAIMS: [Claim; 4] = [
    Claim {
        owner: GROUP,
        claims: "ingress",
        attribute: "id",
        single: INGRESS_RULE,
        refers: "security_group_id",
        what: "incoming rules",
    },
    Claim {
        owner: GROUP,
        claims: "egress",
        attribute: "id",
        single: EGRESS_RULE,
        refers: "security_group_id",
        what: "outgoing rules",
    },
    Claim {
        owner: ROLE,
        claims: "managed_policy_arns",
        attribute: "name",
        single: ATTACHMENT,
        refers: "role",
        what: "attached policies",
    },
    Claim {
        owner: ROLE,
        claims: "inline_policy",
        attribute: "name",
        single: ROLE_POLICY,
        refers: "role",
        what: "inline policies",
    },
];

pub(crate) const TOGETHER: CrossCheck = CrossCheck {
    kinds: &[
        (ResourceMode::Managed, GROUP),
        (ResourceMode::Managed, INGRESS_RULE),
        (ResourceMode::Managed, EGRESS_RULE),
        (ResourceMode::Managed, ROLE),
        (ResourceMode::Managed, ATTACHMENT),
        (ResourceMode::Managed, ROLE_POLICY),
    ],
    check,
};

fn check(all: &[BlockInstance<'_>]) -> Vec<CrossCheckProblem> {
    CLAIMS.iter().flat_map(|it| it.contradictions(all)).collect()
}

impl Claim {
    fn contradictions(&self, all: &[BlockInstance<'_>]) -> Vec<CrossCheckProblem> {
        let of = |kind: &'static str| {
            all.iter().filter(move |it| &*it.address.block.kind == kind).copied()
        };
        let owners: Vec<BlockInstance<'_>> =
            of(self.owner).filter(|it| self.is_claimed_by(it)).collect();
        // The check is linear: owners are indexed once, and each single part is looked up.
        if owners.is_empty() {
            return Vec::new();
        }
        let by_attribute = ByAttribute::new(self.attribute, &owners);
        // A role's id is its name, so a reference may use either attribute.
        let by_id = ByAttribute::new("id", &owners);
        let owner = |it: &BlockInstance<'_>| {
            by_attribute.find(it, self.refers).or_else(|| by_id.find(it, self.refers))
        };
        of(self.single).filter_map(|it| Some(self.contradiction(&it, &owner(&it)?))).collect()
    }

    fn is_claimed_by(&self, owner: &BlockInstance<'_>) -> bool {
        owner
            .get(&[self.claims])
            // An unknown value that may turn out to be null manages nothing then, so it is no
            // conflict yet.
            .is_some_and(|it| !it.is_null() && (it.is_known() || Value::is_never_null(it)))
    }

    fn contradiction(
        &self,
        single: &BlockInstance<'_>,
        owner: &BlockInstance<'_>,
    ) -> CrossCheckProblem {
        let Self { claims, what, .. } = self;
        let (own, owner) = (single.address, owner.address);
        let message = format!(
            "`{owner}` manages all its {what} with `{claims}` and would remove that of `{own}`: leave \
             `{claims}` out there, or move this block there"
        );
        let problem = ArgumentProblem { path: Path::attribute(self.refers), message };
        CrossCheckProblem { address: own.clone(), problem, severity: Severity::Error }
    }
}

#[cfg(test)]
mod tests {
    use ha_value::{Address, Object, Type};

    use super::*;

    struct Block {
        address: Address,
        arguments: Object,
        id: Option<&'static str>,
        provider: &'static str,
    }

    fn block(address: &str, arguments: &[(&str, Value)]) -> Block {
        let arguments = arguments.iter().map(|(name, it)| ((*name).into(), it.clone())).collect();
        Block { address: address.parse().unwrap(), arguments, id: None, provider: "one" }
    }

    fn placed(it: &Block) -> BlockInstance<'_> {
        BlockInstance {
            address: &it.address,
            arguments: &it.arguments,
            id: it.id,
            provider: it.provider,
        }
    }

    /// The addresses of single parts that conflict with an owner.
    fn conflicts(blocks: &[Block]) -> Vec<String> {
        let placed: Vec<BlockInstance<'_>> = blocks.iter().map(placed).collect();
        check(&placed).into_iter().map(|it| it.address.to_string()).collect()
    }

    fn later(attribute: &str) -> Value {
        Value::unknown(Type::String, Some(attribute.into())).originating(|| attribute.into())
    }

    /// References to the owner, before and after it exists.
    fn references(claim: &Claim) -> Vec<(Value, Option<&'static str>)> {
        let owner = format!("{}.it", claim.owner);
        vec![
            (later(&format!("{owner}.{}", claim.attribute)), None),
            (later(&format!("{owner}.id")), None),
            ("x-1".into(), Some("x-1")),
        ]
    }

    #[test]
    fn a_managed_part_has_no_block_of_its_own() {
        for claim in &CLAIMS {
            let owner = format!("{}.it", claim.owner);
            let single = format!("{}.one", claim.single);
            for (reference, id) in references(claim) {
                let one = || block(&single, &[(claim.refers, reference.clone())]);
                let with =
                    |claimed: Value| Block { id, ..block(&owner, &[(claim.claims, claimed)]) };
                assert_eq!(
                    conflicts(&[with(Value::set([])), one()]),
                    [single.as_str()],
                    "{single} by {reference:?}"
                );
                assert!(conflicts(&[with(Value::NULL), one()]).is_empty());
                assert!(conflicts(&[Block { id, ..block(&owner, &[]) }, one()]).is_empty());
                // The unknown value may turn out to be null.
                assert!(conflicts(&[with(Value::unknown(Type::Any, None)), one()]).is_empty());
            }
        }
    }

    #[test]
    fn other_references_are_no_conflict() {
        for claim in &CLAIMS {
            let owner = format!("{}.it", claim.owner);
            let single = format!("{}.one", claim.single);
            let there =
                || Block { id: Some("x-1"), ..block(&owner, &[(claim.claims, Value::set([]))]) };
            for reference in [
                later("a.b.id"),
                Value::unknown(Type::String, Some(format!("{owner}.id").into())),
                "x-2".into(),
            ] {
                assert!(
                    conflicts(&[there(), block(&single, &[(claim.refers, reference)])]).is_empty()
                );
            }
            let elsewhere =
                Block { provider: "other", ..block(&single, &[(claim.refers, "x-1".into())]) };
            assert!(conflicts(&[there(), elsewhere]).is_empty());
        }
    }

    #[test]
    fn roles_are_matched_by_name_before_they_exist() {
        let role = block(
            "aws_iam_role.it",
            &[("name", "build".into()), ("managed_policy_arns", Value::set([]))],
        );
        let attachment = block("aws_iam_role_policy_attachment.one", &[("role", "build".into())]);
        assert_eq!(conflicts(&[role, attachment]), ["aws_iam_role_policy_attachment.one"]);
    }
}
