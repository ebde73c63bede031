use ha_plan::Plan;
use snapbox::str;

use super::super::redaction::SecretVisibility;
use super::super::report::plan_secrets;
use super::super::test_data::{
    SECRET, assert_keeps_secret, check, everything, nothing, pretty, secrets,
};
use super::*;

fn rendered(plan: &Plan, sight: SecretVisibility) -> String {
    let secrets = plan_secrets(plan);
    let (configuration, schemas, state) = Default::default();
    let basis = PlanBasis {
        configuration: &configuration,
        schemas: &schemas,
        state: &state,
        at: "2026-11-23T04:54:07Z",
    };
    let report = PlanReport::new(plan, "payments", &secrets, sight);
    pretty(&plan_json(plan, &report, &basis, &mut Redactor::new(&secrets, sight)))
}

#[test]
fn the_document_has_the_format_of_terraform() {
    let mut plan = everything();
    plan.changes.retain(|it| {
        ["aws_db_instance.main", "mongodb_host.db[2]"].contains(&it.address.to_string().as_str())
    });
    check(
        &rendered(&plan, SecretVisibility::Redacted),
        str![[r#"
{
  "format_version": "1.2",
  "terraform_version": "1.11.4",
  "ha_version": "[VERSION]",
  "variables": {},
  "planned_values": {
    "outputs": {
      "ca_file": {
        "sensitive": false,
        "type": "string",
        "value": "/etc/ca.pem"
      },
      "same": {
        "sensitive": false,
        "type": "number",
        "value": 1
      },
      "uri": {
        "sensitive": true,
        "type": "string",
        "value": null
      }
    },
    "root_module": {
      "resources": [
        {
          "address": "aws_db_instance.main",
          "mode": "managed",
          "type": "aws_db_instance",
          "name": "main",
          "provider_name": "registry.terraform.io/hashicorp/aws",
          "schema_version": 0,
          "values": {
            "engine": "postgres",
            "password": "(sensitive)",
            "storage_encrypted": true
          },
          "sensitive_values": {
            "password": true
          }
        },
        {
          "address": "mongodb_host.db[2]",
          "mode": "managed",
          "type": "mongodb_host",
          "name": "db",
          "index": 2,
          "provider_name": "mongodb",
          "schema_version": 0,
          "values": {
            "bind": [
              "127.0.0.1",
              "db-3.int"
            ],
            "hostname": "db-3.int",
            "keyfile": "(sensitive)"
          },
          "sensitive_values": {
            "bind": [
              false,
              false
            ],
            "keyfile": true,
            "private_key": true
          }
        }
      ]
    }
  },
  "resource_drift": [
    {
      "address": "aws_security_group.db",
      "mode": "managed",
      "type": "aws_security_group",
      "name": "db",
      "provider_name": "registry.terraform.io/hashicorp/aws",
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
        "remarks": [],
        "contributes": true
      }
    }
  ],
  "resource_changes": [
    {
      "address": "aws_db_instance.main",
      "mode": "managed",
      "type": "aws_db_instance",
      "name": "main",
      "provider_name": "registry.terraform.io/hashicorp/aws",
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
    "same": {
      "actions": [
        "no-op"
      ],
      "before": 1,
      "after": 1,
      "after_unknown": false,
      "before_sensitive": false,
      "after_sensitive": false
    },
    "uri": {
      "actions": [
        "update"
      ],
      "before": null,
      "after": null,
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
  "configuration": {
    "provider_config": {},
    "root_module": {}
  },
  "timestamp": "2026-11-23T04:54:07Z",
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
    "remarks": [],
    "rolling": [
      {
        "group": "mongodb/rs0",
        "members": 3,
        "at_most": 1
      }
    ],
    "unfinished": [
      "tls_ca.root"
    ],
    "targets": [],
    "excludes": [],
    "left_out": []
  }
}

"#]],
    );
}

#[test]
fn remarks_on_unchanged_instances_are_included() {
    let mut plan = nothing();
    plan.remarks = vec![("mongodb_host.db[1]".parse().unwrap(), "it is 12 s behind".into())];
    let document: serde_json::Value =
        serde_json::from_str(&rendered(&plan, SecretVisibility::Redacted)).unwrap();
    let remarks =
        serde_json::json!([{ "address": "mongodb_host.db[1]", "remark": "it is 12 s behind" }]);
    assert_eq!(document["ha"]["remarks"], remarks);
}

#[test]
fn nothing_to_do_is_not_applyable() {
    assert!(rendered(&nothing(), SecretVisibility::Redacted).contains("\"applyable\": false"));
    assert!(rendered(&everything(), SecretVisibility::Redacted).contains("\"applyable\": true"));
}

#[test]
fn secrets_are_shown_only_when_asked_for() {
    let redacted = rendered(&secrets(), SecretVisibility::Redacted);
    assert_keeps_secret(&redacted);
    assert!(redacted.contains("\"password\": \"(sensitive)\""));
    assert!(
        rendered(&secrets(), SecretVisibility::Revealed)
            .contains(&format!("\"password\": \"{SECRET}\""))
    );
}

#[test]
fn marks_are_the_same_whether_secrets_are_shown_or_not() {
    let marks = |sight| {
        let parsed: serde_json::Value =
            serde_json::from_str(&rendered(&everything(), sight)).unwrap();
        let changes = parsed["resource_changes"].as_array().unwrap().clone();
        changes.into_iter().map(|it| it["change"]["after_sensitive"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(marks(SecretVisibility::Redacted), marks(SecretVisibility::Revealed));
}
