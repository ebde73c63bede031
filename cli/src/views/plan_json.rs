//! The plan in the shape that tools for Terraform's plans read; see its "JSON output format". Keys of our own are added
//! where that has none.

use std::collections::BTreeMap;

use ha_kind::{Action, Address, Impact, ImpactSeverity, Name};
use ha_plan::{PlanMode, Reason};

use super::json::{Json, address_fields, sensitives, unknowns};
use super::report::{Report, ShownChange, ShownDrift, ShownOutput};
use super::shown::Shown;

/// The plan as JSON.
pub(crate) fn plan_json(report: &Report) -> Json {
    let Report {
        mode,
        stack,
        identities,
        state_number,
        changes,
        unchanged,
        counts: _,
        drift,
        unchecked,
        outputs,
        rolling,
        unfinished,
        variables,
        is_empty,
    } = report;
    let value = |(name, it): (&Name, &Shown)| (name.to_string(), Json::object([("value", Json::from(it))]));
    let mut in_order: Vec<&ShownChange> = changes.iter().collect();
    in_order.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    let unlooked =
        |(address, why): &(Address, String)| Json::object([("address", address.to_string().into()), ("reason", why.into())]);
    let spread = |(group, members, at_most): &(String, usize, usize)| {
        Json::object([("group", group.into()), ("members", (*members).into()), ("at_most", (*at_most).into())])
    };
    let own = Json::object([
        ("mode", Json::from(mode_name(*mode))),
        ("stack", stack.into()),
        ("identities", Json::array(identities)),
        ("state_number", (*state_number).into()),
        ("unchanged", (*unchanged).into()),
        ("unchecked", Json::Array(unchecked.iter().map(unlooked).collect())),
        ("rolling", Json::Array(rolling.iter().map(spread).collect())),
        ("unfinished", Json::array(unfinished.iter().map(ToString::to_string))),
    ]);
    Json::object([
        ("format_version", "1.2".into()),
        ("ha_version", env!("CARGO_PKG_VERSION").into()),
        ("variables", Json::Object(variables.iter().map(value).collect())),
        ("resource_drift", Json::Array(drift.iter().map(drifted).collect())),
        ("resource_changes", Json::Array(in_order.into_iter().map(change).collect())),
        ("output_changes", Json::Object(outputs.iter().map(|(name, it)| (name.to_string(), output(it))).collect())),
        ("applyable", (!is_empty).into()),
        ("complete", true.into()),
        ("errored", false.into()),
        ("ha", own),
    ])
}

fn mode_name(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Normal => "normal",
        PlanMode::Destroy => "destroy",
        PlanMode::RefreshOnly => "refresh-only",
    }
}

fn change(it: &ShownChange) -> Json {
    let ShownChange {
        address,
        deposed,
        action,
        reason: why,
        before,
        after,
        differences,
        impacts,
        remarks,
        group,
        gone_with,
        place,
        because,
    } = it;
    let mut fields = address_fields(address);
    if let Some(key) = deposed {
        fields.push(("deposed", key.into()));
    }
    let replaced: Vec<Json> = differences.iter().filter(|it| it.replaces).map(|it| Json::from(&it.path)).collect();
    let mut sides = sides(actions(*action), before.as_ref(), after.as_ref());
    if !replaced.is_empty() {
        sides.push(("replace_paths", Json::Array(replaced)));
    }
    fields.push(("change", Json::object(sides)));
    if let Some(reason) = why.as_ref().and_then(reason) {
        fields.push(("action_reason", reason.into()));
    }
    let own = [
        ("impacts", Json::Array(impacts.iter().map(impact).collect())),
        ("remarks", Json::array(remarks)),
        ("because", Json::array(because)),
        ("group", group.as_ref().into()),
        ("gone_with", gone_with.as_ref().map(ToString::to_string).into()),
        ("place", place.as_ref().into()),
    ];
    let said = own.into_iter().filter(|(_, it)| *it != Json::Null && *it != Json::Array(Vec::new()));
    fields.push(("ha", Json::object(said)));
    Json::object(fields)
}

fn drifted(it: &ShownDrift) -> Json {
    let ShownDrift { address, before, after, paths, remarks } = it;
    let action = if after.is_some() { Action::Update } else { Action::Delete };
    let mut fields = address_fields(address);
    fields.push(("change", Json::object(sides(actions(action), Some(before), after.as_ref()))));
    fields.push(("ha", Json::object([("paths", Json::array(paths)), ("remarks", Json::array(remarks))])));
    Json::object(fields)
}

fn sides(
    actions: Json,
    before: Option<&BTreeMap<Name, Shown>>,
    after: Option<&BTreeMap<Name, Shown>>,
) -> Vec<(&'static str, Json)> {
    let (before, after) = (before.cloned().map(Shown::Object), after.cloned().map(Shown::Object));
    let marks = |side: &Option<Shown>, of: fn(&Shown) -> Json| side.as_ref().map_or(Json::Bool(false), of);
    vec![
        ("actions", actions),
        ("before", before.as_ref().into()),
        ("after", after.as_ref().into()),
        ("after_unknown", marks(&after, unknowns)),
        ("before_sensitive", marks(&before, sensitives)),
        ("after_sensitive", marks(&after, sensitives)),
    ]
}

fn output(it: &ShownOutput) -> Json {
    let ShownOutput { before, after, sensitive } = it;
    let action = match (before, after) {
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ => Action::Update,
    };
    let marks = |side: &Option<Shown>, of: fn(&Shown) -> Json| side.as_ref().map_or(Json::Bool(false), of);
    let hidden = |side: &Option<Shown>| if *sensitive { Json::Bool(side.is_some()) } else { marks(side, sensitives) };
    Json::object([
        ("actions", actions(action)),
        ("before", before.as_ref().into()),
        ("after", after.as_ref().into()),
        ("after_unknown", marks(after, unknowns)),
        ("before_sensitive", hidden(before)),
        ("after_sensitive", hidden(after)),
    ])
}

fn actions(action: Action) -> Json {
    let names: &[&str] = match action {
        Action::NoOp => &["no-op"],
        Action::Read => &["read"],
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::DeleteThenCreate => &["delete", "create"],
        Action::CreateThenDelete => &["create", "delete"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
    };
    Json::array(names.iter().copied())
}

fn reason(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Tainted => "replace_because_tainted",
        Reason::Requested => "replace_by_request",
        Reason::Triggered(_) | Reason::Within(_) => "replace_by_triggers",
        Reason::CannotUpdate => "replace_because_cannot_update",
        Reason::NoConfiguration => "delete_because_no_resource_config",
        Reason::NoModule => "delete_because_no_module",
        Reason::NoMoveTarget => "delete_because_no_move_target",
        Reason::WrongRepetition => "delete_because_wrong_repetition",
        Reason::CountIndex => "delete_because_count_index",
        Reason::EachKey => "delete_because_each_key",
        Reason::NotEnabled => "delete_because_enabled_false",
        Reason::ArgumentsUnknown => "read_because_config_unknown",
        Reason::DependencyPending => "read_because_dependency_pending",
        Reason::ForCheck => "read_because_check_nested",
        Reason::Destroy | Reason::Gone => return None,
    })
}

fn impact(it: &Impact) -> Json {
    let severity = match it.severity {
        ImpactSeverity::Notice => "notice",
        ImpactSeverity::Disruption => "disruption",
        ImpactSeverity::DataLoss => "data_loss",
    };
    Json::object([("severity", severity.into()), ("message", (&it.message).into())])
}

#[cfg(test)]
mod tests {
    use ha_plan::Plan;
    use snapbox::str;

    use super::super::redact::Sight;
    use super::super::report::plan_secrets;
    use super::super::samples::{SECRET, assert_keeps_secret, check, everything, nothing, secrets};
    use super::*;

    fn rendered(plan: &Plan, sight: Sight) -> String {
        let secrets = plan_secrets(plan);
        plan_json(&Report::new(plan, "payments", &secrets, sight)).pretty()
    }

    #[test]
    fn the_shape_that_tools_know() {
        let mut plan = everything();
        plan.changes.retain(|it| ["aws_db_instance.main", "mongodb_host.db[2]"].contains(&it.address.to_string().as_str()));
        check(
            &rendered(&plan, Sight::Redacted),
            str![[r#"
{
  "format_version": "1.2",
  "ha_version": "[VERSION]",
  "variables": {},
  "resource_drift": [
    {
      "address": "aws_security_group.db",
      "mode": "managed",
      "type": "aws_security_group",
      "name": "db",
      "provider_name": "aws",
      "change": {
        "actions": [
          "update"
        ],
        "before": {
          "ingress": [
            "10.0.0.0/8"
          ],
          "name": "db"
        },
        "after": {
          "ingress": [
            "0.0.0.0/0"
          ],
          "name": "db"
        },
        "after_unknown": {
          "ingress": [
            false
          ]
        },
        "before_sensitive": {
          "ingress": [
            false
          ]
        },
        "after_sensitive": {
          "ingress": [
            false
          ]
        }
      },
      "ha": {
        "paths": [
          [
            "ingress"
          ]
        ],
        "remarks": []
      }
    }
  ],
  "resource_changes": [
    {
      "address": "aws_db_instance.main",
      "mode": "managed",
      "type": "aws_db_instance",
      "name": "main",
      "provider_name": "aws",
      "change": {
        "actions": [
          "delete",
          "create"
        ],
        "before": {
          "endpoint": "main.abc.eu-west-1",
          "engine": "postgres",
          "password": "(sensitive)",
          "storage_encrypted": false
        },
        "after": {
          "engine": "postgres",
          "password": "(sensitive)",
          "storage_encrypted": true
        },
        "after_unknown": {
          "endpoint": true
        },
        "before_sensitive": {
          "password": true
        },
        "after_sensitive": {
          "password": true
        },
        "replace_paths": [
          [
            "storage_encrypted"
          ]
        ]
      },
      "action_reason": "replace_because_cannot_update",
      "ha": {
        "impacts": [
          {
            "severity": "data_loss",
            "message": "412 GiB, no final snapshot"
          }
        ]
      }
    },
    {
      "address": "mongodb_host.db[2]",
      "mode": "managed",
      "type": "mongodb_host",
      "name": "db",
      "index": 2,
      "provider_name": "mongodb",
      "change": {
        "actions": [
          "create"
        ],
        "before": null,
        "after": {
          "bind": [
            "127.0.0.1",
            "db-3.int"
          ],
          "hostname": "db-3.int",
          "keyfile": "(sensitive)"
        },
        "after_unknown": {
          "bind": [
            false,
            false
          ],
          "id": true,
          "network": true,
          "private_key": true,
          "version": true
        },
        "before_sensitive": false,
        "after_sensitive": {
          "bind": [
            false,
            false
          ],
          "keyfile": true,
          "private_key": true
        }
      },
      "ha": {
        "place": "main.hcl:4"
      }
    }
  ],
  "output_changes": {
    "ca_file": {
      "actions": [
        "create"
      ],
      "before": null,
      "after": "/etc/ca.pem",
      "after_unknown": false,
      "before_sensitive": false,
      "after_sensitive": false
    },
    "uri": {
      "actions": [
        "update"
      ],
      "before": "(sensitive)",
      "after": "(sensitive)",
      "after_unknown": false,
      "before_sensitive": true,
      "after_sensitive": true
    },
    "was": {
      "actions": [
        "delete"
      ],
      "before": "gone",
      "after": null,
      "after_unknown": false,
      "before_sensitive": false,
      "after_sensitive": false
    }
  },
  "applyable": true,
  "complete": true,
  "errored": false,
  "ha": {
    "mode": "normal",
    "stack": "payments",
    "identities": [
      "aws 123456789012 eu-west-1"
    ],
    "state_number": 12,
    "unchanged": 22,
    "unchecked": [
      {
        "address": "mongodb_host.db[0]",
        "reason": "connection timed out after 10 s"
      }
    ],
    "rolling": [
      {
        "group": "mongodb/rs0",
        "members": 3,
        "at_most": 1
      }
    ],
    "unfinished": [
      "tls_ca.root"
    ]
  }
}

"#]],
        );
    }

    #[test]
    fn nothing_to_do_is_not_applyable() {
        assert!(rendered(&nothing(), Sight::Redacted).contains("\"applyable\": false"));
        assert!(rendered(&everything(), Sight::Redacted).contains("\"applyable\": true"));
    }

    #[test]
    fn secrets_are_shown_only_when_asked_for() {
        let redacted = rendered(&secrets(), Sight::Redacted);
        assert_keeps_secret(&redacted);
        assert!(redacted.contains("\"password\": \"(sensitive)\""));
        assert!(rendered(&secrets(), Sight::Revealed).contains(&format!("\"password\": \"{SECRET}\"")));
    }

    #[test]
    fn marks_are_the_same_whether_secrets_are_shown_or_not() {
        let marks = |sight| {
            let parsed: serde_json::Value = serde_json::from_str(&rendered(&everything(), sight)).unwrap();
            let changes = parsed["resource_changes"].as_array().unwrap().clone();
            changes.into_iter().map(|it| it["change"]["after_sensitive"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(marks(Sight::Redacted), marks(Sight::Revealed));
    }
}
