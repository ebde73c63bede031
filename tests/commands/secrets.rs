//! Secrets that become names, keys or types must not be printed. Values that are not secret must
//! be.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::{Done, Project};

/// A secret in the place of a name, a key, an element, a type.
const WAYS: &str = r#"
variable "s" {
  type      = string
  sensitive = true

  validation {
    condition     = length({ (var.s) = 1 }) == 1
    error_message = "It is ${var.s}."
  }
}

variable "version_of_it" {
  type      = number
  sensitive = true
  default   = 47114711
}

resource "local_file" "path" {
  filename = var.s
  content  = "open ${var.version_of_it}"
}

resource "local_file" "folder" {
  filename = "below/${var.s}/file"
  content  = var.s
}

resource "local_file" "encoded" {
  filename       = base64encode("the name ${var.s} encoded")
  content_base64 = base64encode("the text ${var.s} encoded")
}

resource "random_id" "prefix" {
  byte_length = 4
  prefix      = "${var.s}-"
  keepers     = { (var.s) = var.s, version = var.version_of_it }
}

resource "random_string" "keepers" {
  length  = 4
  keepers = { (var.s) = "x" }
}

resource "terraform_data" "nested" {
  input            = { a = toset([var.s]), b = [var.s, [{ (var.s) = 1 }]], (var.s) = { (var.s) = [1, "x"] } }
  triggers_replace = { (var.s) = var.version_of_it }
}

resource "terraform_data" "text" {
  input = { json = jsonencode({ (var.s) = 1 }), yaml = yamlencode({ (var.s) = [1] }), url = "x://u:${urlencode(var.s)}@h" }
}

resource "ha_data" "counted" {
  count = length(keys({ (var.s) = 1 }))
  input = { for key, value in { (var.s) = 1 } : key => value }

  lifecycle {
    precondition {
      condition     = contains(keys({ (var.s) = 1 }), var.s)
      error_message = "There is no ${var.s}."
    }
  }
}

check "named" {
  assert {
    condition     = can({ (var.s) = 1 }.other)
    error_message = "In ${jsonencode({ (var.s) = 1 })} there is no other."
  }
}

module "inner" {
  source = "./inner"
  given  = { (var.s) = [var.s] }
  open   = var.s
}

output "object" {
  sensitive = true
  value     = { (var.s) = 1 }
}

output "list" {
  sensitive = true
  value     = tolist([{ (var.s) = 1 }])
}

output "tuple" {
  sensitive = true
  value     = [{ (var.s) = 1 }, 2, toset([var.s])]
}

output "map" {
  sensitive = true
  value     = tomap({ (var.s) = tomap({ (var.s) = var.version_of_it }) })
}

output "file" {
  sensitive = true
  value     = local_file.path
}

output "inner" {
  sensitive = true
  value     = module.inner
}
"#;

const INNER: &str = r#"
variable "given" {
  type      = any
  sensitive = true
}

variable "open" {
  type = string
}

resource "terraform_data" "given" {
  input = { given = var.given, open = { (var.open) = 1 } }
}

output "given" {
  sensitive = true
  value     = var.given
}

output "open" {
  value = { (var.open) = terraform_data.given.input }
}
"#;

/// Errors that stop a plan and quote their cause.
const MISTAKES: [&str; 14] = [
    "resource \"terraform_data\" \"x\" {\n  for_each = { (var.s) = 1 }\n}\n",
    "resource \"terraform_data\" \"x\" {\n  for_each = toset([\"a\", var.s])\n}\n",
    "resource \"terraform_data\" \"x\" {\n  input = { (var.s) = 1 }.other\n}\n",
    "resource \"terraform_data\" \"x\" {\n  input = { (var.s) = 1 }[\"other\"]\n}\n",
    "resource \"terraform_data\" \"x\" {\n  input = tonumber(keys({ (var.s) = 1 })[0])\n}\n",
    "resource \"random_id\" \"x\" {\n  byte_length = { (var.s) = 1 }\n}\n",
    "resource \"random_id\" \"x\" {\n  byte_length = length(var.s) * 1000\n  keepers = { (var.s) = [1] }\n}\n",
    "resource \"local_file\" \"x\" {\n  filename = \"/proc/self/${var.s}\"\n  content = \"x\"\n  file_permission = var.s\n}\n",
    "import {\n  to = terraform_data.nothing[var.s]\n  id = \"x\"\n}\nresource \"terraform_data\" \"nothing\" {\n  for_each = toset([\"a\"])\n}\n",
    "import {\n  to = terraform_data.nothing\n  id = var.s\n}\nresource \"terraform_data\" \"nothing\" {}\n",
    "output \"x\" {\n  value = { (var.s) = 1 }\n}\n",
    "output \"x\" {\n  value = one([{ (var.s) = 1 }, { (var.s) = 2 }])\n  sensitive = true\n}\n",
    "module \"x\" {\n  source = \"./inner\"\n  given = 1\n  open = { (var.s) = 1 }\n}\n",
    "resource \"terraform_data\" \"x\" {\n  lifecycle {\n    precondition {\n      condition = contains(keys({ (var.s) = 1 }), \"x\")\n      error_message = \"No x in ${jsonencode({ (var.s) = 1 })}.\"\n    }\n  }\n}\n",
];

/// A project with a secret, whose commands must not print it.
struct Hunt {
    project: Project,
    secret: &'static str,
    commands: usize,
}

impl Hunt {
    fn new(secret: &'static str) -> Self {
        let project = Project::new(WAYS);
        std::fs::create_dir(project.path("inner")).unwrap();
        project.write("inner/main.hcl", INNER);
        Self { project, secret, commands: 0 }
    }

    /// Runs a command, and checks its complete output.
    fn run(&mut self, arguments: &[&str]) -> Done {
        self.commands += 1;
        let done = Done::from(
            self.project.command(arguments).env("HA_VAR_s", self.secret).output().unwrap(),
        );
        let json = serde_json::to_string(self.secret).unwrap();
        let base64 = base64_inside(self.secret);
        let spellings = [self.secret, json.trim_matches('"'), base64.as_str()];
        for spelling in spellings.into_iter().filter(|it| it.len() > 2) {
            for text in [&done.out, &done.err] {
                let place = text.find(spelling).map(|at| {
                    text[text.floor_char_boundary(at.saturating_sub(300))..].chars().take(400)
                });
                let place = place.map(Iterator::collect::<String>);
                assert_eq!(place, None, "{arguments:?} tells the secret, written as {spelling}");
            }
        }
        done
    }

    fn succeeds(&mut self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert!(matches!(done.code, 0 | 2), "{arguments:?}\n{}\n{}", done.out, done.err);
        done.out
    }
}

/// Returns the part of a base64 encoding that belongs to a string alone; empty for a short string.
fn base64_inside(text: &str) -> String {
    use base64::Engine as _;
    let whole =
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("the name {text} encoded"));
    // Nine bytes before the string are encoded as twelve characters.
    let own = text.len() / 3 * 4;
    if text.len() < 8 { String::new() } else { whole[12..12 + own].to_owned() }
}

fn hunt(secret: &'static str) {
    let mut hunt = Hunt::new(secret);
    for arguments in [
        ["validate"].as_slice(),
        &["validate", "--json"],
        &["plan"],
        &["plan", "--json"],
        &["plan", "--detail=full", "--out=plan.ha"],
        &["plan", "--document=-"],
        &["show", "plan.ha"],
        &["show", "--json", "plan.ha"],
        &["apply", "--yes", "--json"],
        &["plan", "--detailed-exitcode"],
        &["show"],
        &["show", "--json"],
        &["output"],
        &["output", "--json"],
        &["state", "list"],
        &["state", "list", "--json"],
        &["state", "pull"],
        &["plan", "--refresh-only", "--json"],
        &["state", "mv", "local_file.path", "local_file.other"],
        &["state", "mv", "local_file.other", "local_file.path"],
        &["plan", "--replace=local_file.path", "--replace=terraform_data.nested", "--json"],
        &["plan", "--destroy"],
        &["plan", "--destroy", "--document=-"],
    ] {
        hunt.succeeds(arguments);
    }
    for format in ["text", "dot", "mermaid", "svg", "json"] {
        hunt.succeeds(&["graph", "plan.ha", "--all", "--format", format]);
    }
    for address in hunt.succeeds(&["state", "list"]).lines() {
        hunt.succeeds(&["state", "show", address]);
        hunt.succeeds(&["state", "show", "--json", address]);
    }
    for output in ["object", "list", "tuple", "map", "file", "inner"] {
        hunt.succeeds(&["output", output]);
        let refused = hunt.run(&["output", "--json", output]);
        assert!(
            refused.code == 1 && refused.out.is_empty() && refused.err.contains("--show-sensitive"),
            "{}",
            refused.err
        );
    }
    for expression in [
        "var.s",
        "{ (var.s) = 1 }",
        "[{ (var.s) = 1 }]",
        "keys({ (var.s) = 1 })",
        "local_file.path",
        "random_id.prefix",
        "terraform_data.nested",
        "terraform_data.text.input",
        "module.inner",
        "{ (var.s) = 1 }.other",
    ] {
        hunt.run(&["console", "--expr", expression]);
        hunt.run(&["console", "--json", "--expr", expression]);
        hunt.run(&["console", "--expr", &format!("type({expression})")]);
    }
    // Drift and changes.
    std::fs::write(hunt.project.path(secret), "changed outside").unwrap();
    std::fs::remove_file(hunt.project.path(&format!("below/{secret}/file"))).unwrap();
    let changing = ["--var", "version_of_it=47114712"];
    for arguments in [
        ["plan"].as_slice(),
        &["plan", "--json"],
        &["plan", "--document=-"],
        &["plan", "--refresh-only"],
        &["apply", "--yes", "--json-into=apply.json"],
        &["destroy", "--yes", "--json"],
    ] {
        hunt.succeeds(
            &[arguments, if arguments[0] == "destroy" { &[] } else { &changing }].concat(),
        );
    }
    assert_eq!(
        std::fs::read_to_string(hunt.project.path("apply.json")).unwrap().find(secret),
        None
    );
    assert!(hunt.commands > 80);
}

#[test]
fn no_name_no_key_and_no_type_reveals_a_secret() {
    std::thread::scope(|scope| {
        scope.spawn(|| hunt("c0rrect \"horse\" & battery"));
        scope.spawn(|| hunt("z#7"));
    });
}

#[test]
fn no_error_reveals_a_secret() {
    for secret in ["c0rrect \"horse\" & battery", "z#7"] {
        let mut hunt = Hunt::new(secret);
        for mistake in MISTAKES {
            hunt.project.write("mistake.hcl", mistake);
            for arguments in [["plan"].as_slice(), &["plan", "--json"], &["validate", "--json"]] {
                let done = hunt.run(arguments);
                assert!(done.code == 1 || arguments[0] == "validate", "{mistake}\n{}", done.out);
            }
        }
    }
}

#[test]
fn type_errors_do_not_reveal_keys_within_secrets() {
    let variable = "variable \"u\" {\n  type      = map(any)\n  sensitive = true\n}\n";
    let call = "module \"m\" {\n  source = \"./m\"\n  w      = var.u\n}\n";
    let project = Project::new(&variable.replace("any", "bool"));
    std::fs::create_dir(project.path("m")).unwrap();
    project.write(
        "m/main.hcl",
        "variable \"w\" {\n  type = map(object({ n = number, z = bool }))\n}\n",
    );
    let refused = |value: &str| {
        for arguments in [["plan", "--var", value].as_slice(), &["plan", "--json", "--var", value]]
        {
            let done = project.ha(arguments);
            assert_eq!(done.code, 1, "{}{}", done.out, done.err);
            assert!(
                !format!("{}{}", done.out, done.err).contains("hidden-key"),
                "{}{}",
                done.out,
                done.err
            );
        }
    };
    refused("u={ \"hidden-key\" = \"no truth value\" }");
    project.write("main.hcl", &format!("{variable}{call}"));
    refused("u={ \"hidden-key\" = { n = 1 } }");
}

#[test]
fn sensitive_module_outputs_stay_sensitive() {
    let project = Project::new(
        "module \"m\" {\n  source = \"./m\"\n}\noutput \"whole\" {\n  value = module.m\n}\n",
    );
    std::fs::create_dir(project.path("m")).unwrap();
    let output = "output \"s\" {\n  value = terraform_data.k.id\n  sensitive = true\n}\noutput \"plain\" {\n  value = \"x\"\n}\n";
    project.write("m/main.hcl", &format!("resource \"terraform_data\" \"k\" {{}}\n{output}"));
    let refused = project.ha(&["plan"]);
    assert!(
        refused.code == 1 && refused.err.contains("the output `whole` holds a secret"),
        "{}",
        refused.err
    );
    project.write(
        "main.hcl",
        "module \"m\" {\n  source = \"./m\"\n}\noutput \"plain\" {\n  value = module.m.plain\n}\n",
    );
    project.done(&["apply", "--yes"]);
    let displayed = project.done(&["console", "--expr", "module.m"]);
    assert_eq!(displayed, "{\n  plain = \"x\"\n  s     = (sensitive)\n}\n");
}

#[test]
fn documents_have_no_placeholders_for_secrets() {
    let project = Project::new(
        "variable \"s\" {\n  sensitive = true\n  default = \"hush hush\"\n}\n\
         output \"secret\" {\n  sensitive = true\n  value = { (var.s) = var.s }\n}\noutput \"open\" {\n  value = [1, \"a\"]\n}\n",
    );
    let document: Value = serde_json::from_str(&project.done(&["plan", "--document=-"])).unwrap();
    let hidden = json!({"sensitive": true, "type": "dynamic", "value": null});
    let open =
        json!({"sensitive": false, "type": ["tuple", ["number", "string"]], "value": [1, "a"]});
    assert_eq!(document["planned_values"]["outputs"], json!({"secret": hidden, "open": open}));
    let change = &document["output_changes"]["secret"];
    assert_eq!((&change["after"], &change["after_sensitive"]), (&Value::Null, &json!(true)));
    project.done(&["apply", "--yes"]);
    let whole =
        |arguments: &[&str]| serde_json::from_str::<Value>(&project.done(arguments)).unwrap();
    assert_eq!(whole(&["output", "--json"]), json!({"secret": hidden, "open": open}));
    assert_eq!(
        whole(&["show", "--json"])["values"]["outputs"],
        json!({"secret": hidden, "open": open})
    );
    assert_eq!(
        whole(&["plan", "--document=-"])["prior_state"]["values"]["outputs"]["secret"],
        hidden
    );
    assert_eq!(whole(&["output", "--json", "open"]), json!([1, "a"]));
    assert_eq!(
        whole(&["output", "--json", "--show-sensitive", "secret"]),
        json!({"hush hush": "hush hush"})
    );
    let revealed = whole(&["output", "--json", "--show-sensitive"]);
    assert_eq!(revealed["secret"]["type"], json!(["object", {"hush hush": "string"}]));
}

#[test]
fn secrets_are_printed_on_request() {
    let project = Project::new(
        "variable \"s\" {\n  sensitive = true\n  default = \"hush \\\"hush\\\"\"\n}\n",
    );
    let ask = |more: &[&str]| {
        project.done(&[["console", "--show-sensitive", "--expr"].as_slice(), more].concat())
    };
    assert_eq!(ask(&["var.s"]), "\"hush \\\"hush\\\"\"\n");
    assert_eq!(ask(&["\"a ${var.s}\""]), "\"a hush \\\"hush\\\"\"\n");
    assert_eq!(
        ask(&["{ (var.s) = [var.s] }"]),
        "{\n  \"hush \\\"hush\\\"\" = [\n    \"hush \\\"hush\\\"\",\n  ]\n}\n"
    );
    assert_eq!(ask(&["\"a\\n${var.s}\\n\""]), "<<-EOT\n  a\n  hush \"hush\"\nEOT\n");
    let json: Value = serde_json::from_str(&ask(&["var.s", "--json"])).unwrap();
    assert_eq!(json, json!({"type": "string", "value": "hush \"hush\"", "sensitive": true}));
}

/// A multiline string is printed unchanged if the output is not a terminal.
#[test]
fn a_multiline_string_is_printed_raw_on_a_pipe() {
    let texts = ["    10.0.1.4 s1\n    10.0.2.4 s2\n\n", "a\nb", "a\n  ${b}\n"];
    let written = |text: &&str| serde_json::to_string(text).unwrap().replace("${", "$${");
    let blocks = texts
        .iter()
        .enumerate()
        .map(|(at, it)| format!("output \"t{at}\" {{\n  value = {}\n}}\n", written(it)));
    let project = Project::new(
        &(blocks.collect::<String>() + "output \"line\" {\n  value = \"one\\n\"\n}\n"),
    );
    project.done(&["apply", "--yes"]);
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(project.done(&["output", &format!("t{at}")]), *text);
        assert_eq!(project.done(&["output", "--raw", &format!("t{at}")]), *text);
    }
    assert_eq!(project.done(&["output", "line"]), "\"one\\n\"\n");
    let all = project.done(&["output"]);
    assert!(all.contains("t0   = \"    10.0.1.4 s1\\n    10.0.2.4 s2\\n\\n\"\n"), "{all}");
    assert!(all.contains("t2   = <<-EOT\n  a\n    $${b}\nEOT\n"), "{all}");
}

#[test]
fn a_change_of_type_is_reported() {
    let project = Project::new(
        "resource \"ha_data\" \"a\" {\n  input = [\"x\"]\n}\noutput \"test\" {\n  value = [\"first\", \"second\"]\n}\n\
         output \"marked\" {\n  value = \"open all along\"\n}\n",
    );
    project.done(&["apply", "--yes"]);
    project.write(
        "main.hcl",
        "resource \"ha_data\" \"a\" {\n  input = tolist([\"x\"])\n}\noutput \"test\" {\n  value = true ? [\"first\", \"second\"] : []\n}\n\
         output \"marked\" {\n  value = \"open all along\"\n  sensitive = true\n}\noutput \"none\" {\n  value = []\n}\n",
    );
    let planned = project.done(&["plan"]);
    for expected in [
        "input  tuple([string]) -> list(string)  its type alone\n",
        "test    tuple([string, string]) -> list(string)  its type alone\n",
        "marked  sensitive from now on\n",
        "none    + []\n",
    ] {
        assert!(planned.contains(expected), "{planned}");
    }
    assert!(!planned.contains("(sensitive"), "{planned}");
    project.done(&["apply", "--yes"]);
    assert!(project.done(&["plan"]).contains("No changes."));
    project.write("main.hcl", "output \"marked\" {\n  value = \"open all along\"\n}\n");
    assert!(
        project.done(&["plan"]).contains("marked  not sensitive any more\n"),
        "{}",
        project.done(&["plan"])
    );
}

#[test]
fn a_changed_secret_within_a_line_is_marked() {
    let project = Project::new(
        "variable \"s\" {\n  sensitive = true\n}\nresource \"ha_data\" \"a\" {\n  input = \"x://u:${var.s}@h\"\n}\n\
         resource \"ha_data\" \"b\" {\n  input = [\"x://u:${var.s}@h\", \"open\"]\n}\n",
    );
    project.done(&["apply", "--yes", "--var", "s=the first secret"]);
    let planned = project.done(&["plan", "--var", "s=another secret"]);
    let changed = "\"x://u:(sensitive)@h\" -> \"x://u:(sensitive, changed)@h\"\n";
    assert!(planned.contains(&format!("input   {changed}")), "{planned}");
    assert!(planned.contains(&format!("input[0]   {changed}")), "{planned}");
}

/// Names and keys that lead to a secret, in the messages of a failing plan.
#[test]
fn names_and_keys_that_lead_to_secrets_are_visible() {
    let project = Project::new(
        "locals {\n  passwords = toset([\"circle\", \"billing\"])\n}\n\
         resource \"random_password\" \"drawn\" {\n  for_each = local.passwords\n  length = 32\n}\n\
         resource \"local_file\" \"circle\" {\n  filename = \"circle.conf\"\n\
           sensitive_content = join(\"billing\", [random_password.drawn[\"circle\"].result, format(\"eu-west-1 %s\", \"true\")])\n\
           file_permission = \"circle\"\n}\n\
         resource \"local_file\" \"billing\" {\n  filename = \"billing\"\n  content = \"x\"\n  directory_permission = \"eu-west-1\"\n}\n",
    );
    for arguments in
        [["plan"].as_slice(), &["plan", "--json"], &["validate"], &["validate", "--json"]]
    {
        let printed = project.ha(arguments);
        // The result of `random_password` is secret.
        let is_drawn = |it: &&str| it.contains("result (sensitive)");
        let printed: String = (printed.out + &printed.err)
            .lines()
            .filter(|it| !is_drawn(it))
            .map(|it| format!("{it}\n"))
            .collect();
        assert!(
            printed.contains("local_file.circle") && printed.contains("local_file.billing"),
            "{printed}"
        );
        assert!(!printed.contains("(sensitive)"), "{printed}");
    }
}

/// Names that are equal to a short secret by accident, and values that are equal to it.
#[test]
fn names_equal_to_a_short_secret_are_visible() {
    let project = Project::new("");
    let declared = "variable \"pw\" {\n  sensitive = true\n}\n";
    let messages = |text: &str, secret: &str| {
        project.write("main.hcl", &format!("{declared}{text}"));
        let plan = project.command(&["plan"]).env("HA_VAR_pw", secret).output().unwrap();
        let json =
            project.command(&["validate", "--json"]).env("HA_VAR_pw", secret).output().unwrap();
        [Done::from(plan).err, Done::from(json).out]
    };
    let block = |body: &str| {
        format!("resource \"local_file\" \"prod\" {{\n  filename = \"a\"\n  {body}\n}}\n")
    };
    for (text, secret, names) in [
        (block("prodd = 1"), "prodd", ["no argument `prodd`", "prodd = "]),
        (
            block("content = local_file.prod.nothing"),
            "prod",
            ["`local_file.prod`", "local_file.prod.nothing"],
        ),
        (block("content = upper(1, 2)"), "upper", ["`upper` takes", "content = upper(1, 2)"]),
        (block("content = var.prods"), "prods", ["`prods`", "content = var.prods"]),
    ] {
        for shown in messages(&text, secret) {
            for name in names {
                assert!(shown.contains(name), "{name}\n{shown}");
            }
        }
    }
    // A value may come from the secret, also where a name is equal to it.
    for shown in messages(&block("content = [\"prod\"]"), "prod") {
        assert!(shown.contains("content = [") && !shown.contains("[\"prod"), "{shown}");
        assert!(!shown.contains("[\\\"prod"), "{shown}");
    }
}

#[test]
fn a_certificate_is_shown_and_its_private_key_is_not() {
    let project = Project::new(
        "resource \"tls_ca\" \"internal\" {\n  subject = { common_name = \"c\", organization = \"o\" }\n  validity_period_hours = 24\n}\n\
         resource \"local_file\" \"bundle\" {\n  filename = \"bundle.pem\"\n\
           sensitive_content = \"${tls_ca.internal.certificate_pem}${tls_ca.internal.private_key_pem}\"\n}\n\
         output \"bundle\" {\n  sensitive = true\n  value = \"${tls_ca.internal.certificate_pem}${tls_ca.internal.private_key_pem}\"\n}\n\
         output \"all\" {\n  sensitive = true\n  value = tls_ca.internal\n}\n",
    );
    project.done(&["apply", "--yes"]);
    let shown = project.done(&["state", "show", "tls_ca.internal"]);
    let bundle = std::fs::read_to_string(project.path("bundle.pem")).unwrap();
    let (certificate, key) = bundle.split_at(
        bundle.find("-----BEGIN PRIVATE").or_else(|| bundle.find("-----BEGIN EC")).unwrap(),
    );
    let lines = |text: &str| {
        text.lines()
            .filter(|it| !it.starts_with("-----"))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let missing: Vec<_> =
        lines(certificate).into_iter().filter(|it| !shown.contains(it.as_str())).collect();
    assert_eq!(missing, [""; 0], "{shown}");
    for arguments in [["show"].as_slice(), &["show", "--json"], &["state", "pull"], &["output"]] {
        let printed = project.done(arguments);
        assert!(lines(key).iter().all(|it| !printed.contains(it.as_str())), "{printed}");
    }
}

/// The content of a document is printed unchanged.
#[test]
#[cfg(feature = "mongodb")]
fn a_document_is_shown_without_an_apply() {
    let project = Project::new(
        "data \"mongodb_config\" \"this\" {\n  version = \"6.0.5\"\n  root = \"/srv\"\n  replica_set = \"main\"\n  bind_ip = [\"127.0.0.1\"]\n}\n",
    );
    let shown = project.done(&["show", "data.mongodb_config.this.content"]);
    assert!(shown.contains("\n  dbPath: /srv/mongo/data\n") && !shown.contains("EOT"), "{shown}");
    let displayed = project.done(&["console", "--expr", "data.mongodb_config.this.content"]);
    assert!(displayed.starts_with("<<-EOT\n"), "{displayed}");
    let unknown = project.ha(&["show", "data.mongodb_config.that.content"]);
    assert!(
        unknown.code == 1 && unknown.err.contains("there is no `data.mongodb_config.that`"),
        "{}",
        unknown.err
    );
    assert!(project.ha(&["show", "plan.ha"]).err.contains("plan.ha"));
}

/// A document is not recorded, and is rendered equally each time.
#[test]
#[cfg(feature = "mongodb")]
fn the_console_renders_documents() {
    let project = Project::new(
        "resource \"random_password\" \"a\" {\n  length = 20\n}\n\
         data \"mongodb_uri\" \"this\" {\n  for_each = toset([\"x\"])\n  hosts = [\"${each.key}:1\"]\n  replica_set = \"main\"\n  database = \"app\"\n  user = \"circle\"\n  password = random_password.a.result\n}\n",
    );
    let ask = |expression: &str| project.done(&["console", "--expr", expression]);
    assert!(
        ask("data.mongodb_uri.this[\"x\"].uri").contains("known after apply"),
        "{}",
        ask("data.mongodb_uri.this[\"x\"].uri")
    );
    project.done(&["apply", "--yes"]);
    let uri = ask("data.mongodb_uri.this[\"x\"].uri");
    assert!(uri.starts_with("\"mongodb://circle:(sensitive)@x:1"), "{uri}");
    assert_eq!(project.done(&["show", "data.mongodb_uri.this[\"x\"].uri"]), uri);
    assert!(ask("{ for key, it in data.mongodb_uri.this : key => it.hosts }").contains("\"x:1\""));
    assert!(
        project
            .ha(&["console", "--expr", "data.mongodb_uri.this[\"y\"]"])
            .err
            .contains("there is no `data.mongodb_uri.this[\"y\"]`")
    );
}

/// A file's content is as secret as the configured content, also if the file is not recorded yet or
/// its record has no secret.
#[test]
fn read_values_are_as_secret_as_configured_ones() {
    let pw = "variable \"pw\" {\n  sensitive = true\n  default   = \"hunter2-secret-1\"\n}\n";
    let file = |argument: &str, value: &str| {
        format!(
            "{pw}resource \"local_file\" \"a\" {{\n  filename = \"a.txt\"\n  {argument} = {value}\n}}\n"
        )
    };
    let import = "import {\n  to = local_file.a\n  id = \"a.txt\"\n}\n";
    let by_hand = "user=app\npass=hand-made-77\n";
    for (argument, value) in [
        ("sensitive_content", "\"pass=${var.pw}\\n\""),
        ("sensitive_content", "random_password.drawn.result"),
        ("content", "\"user=app\\npass=${var.pw}\\n\""),
        ("content", "\"pass=${random_password.drawn.result}\\n\""),
        ("content_base64", "base64encode(var.pw)"),
    ] {
        let drawn = "resource \"random_password\" \"drawn\" {\n  length = 20\n}\n";
        let text = file(argument, value) + drawn;
        for is_recorded in [false, true] {
            let project = Project::new(&(text.clone() + import));
            if is_recorded {
                project.write(
                    "main.hcl",
                    &(file("content", "\"user=app\\npass=CHANGEME\\n\"") + drawn),
                );
                project.done(&["apply", "--yes"]);
                project.write("main.hcl", &text);
            }
            project.write("a.txt", by_hand);
            let hidden = |printed: &str| {
                let forms =
                    ["hand-made-77", "aGFuZC1tYWRlLTc3", "dXNlcj1hcHAKcGFzcz1oYW5kLW1hZGUtNzcK"];
                assert!(
                    !forms.iter().any(|it| printed.contains(it)),
                    "{argument} = {value}: {printed}"
                );
            };
            for arguments in
                [["plan"].as_slice(), &["plan", "--json"], &["plan", "--document", "-"]]
            {
                hidden(&project.done(arguments));
            }
            project.done(&["apply", "--yes"]);
            assert!(!fs::read_to_string(project.path("a.txt")).unwrap().contains("hand-made"));
            assert!(project.done(&["plan"]).contains("No changes."));
            for arguments in [
                ["show"].as_slice(),
                &["show", "--json"],
                &["state", "pull"],
                &["state", "show", "local_file.a"],
            ] {
                hidden(&project.done(arguments));
            }
        }
    }
}

/// The content of an imported, unchanged file is secret too.
#[test]
fn imported_values_are_secret() {
    let project = Project::new(
        "resource \"local_file\" \"a\" {\n  filename = \"a.txt\"\n  file_permission = \"0644\"\n\
           content = \"user=app\\npass=${sensitive(\"hunter2-secret-1\")}\\n\"\n}\n\
         import {\n  to = local_file.a\n  id = \"a.txt\"\n}\n",
    );
    project.write("a.txt", "user=app\npass=hunter2-secret-1\n");
    project.done(&["apply", "--yes"]);
    let shown = project.done(&["show", "--json"]);
    assert!(!shown.contains("hunter2"), "{shown}");
    let shown = project.done(&["state", "show", "local_file.a"]);
    assert!(
        shown.contains("content_sha256       = (sensitive)") && !shown.contains("hunter2"),
        "{shown}"
    );
}
