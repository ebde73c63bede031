//! Secrets on lines that cannot be parsed or under misspelt names: no output may contain them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Done, Project};

/// The secret. No other word of the output has four of its letters in this order.
const SECRET: &str = "Zwxqvbjk";

/// Ways to give the argument `@` the secret, most of them invalid.
const FORMS: &[&str] = &[
    "@ = \"Zwxqvbjk\"",
    "@ = Zwxqvbjk",
    "@ = 'Zwxqvbjk'",
    "@ = 'an Zwxqvbjk of it'",
    "@ = ‘Zwxqvbjk’",
    "@ = “Zwxqvbjk”",
    "@ = `Zwxqvbjk`",
    "@ \"Zwxqvbjk\"",
    "@ 'Zwxqvbjk'",
    "@ Zwxqvbjk",
    "@ an Zwxqvbjk",
    "@: \"Zwxqvbjk\"",
    "@: Zwxqvbjk",
    "@ := \"Zwxqvbjk\"",
    "@ == \"Zwxqvbjk\"",
    "@ => \"Zwxqvbjk\"",
    "@ -> \"Zwxqvbjk\"",
    "@ += \"Zwxqvbjk\"",
    "@(\"Zwxqvbjk\")",
    "@[\"Zwxqvbjk\"]",
    "@ {\n  Zwxqvbjk\n}",
    "@ {\n  value = \"Zwxqvbjk\"\n}",
    "@ \"Zwxqvbjk\" {\n}",
    "@\n= \"Zwxqvbjk\"",
    "@ =\n\"Zwxqvbjk\"",
    "@ =\nZwxqvbjk",
    "\"@\" = \"Zwxqvbjk\"",
    "'@' = 'Zwxqvbjk'",
    "@ = \"Zwxqvbjk",
    "@ = \"an\nZwxqvbjk\nof it",
    "@ = Zwxqvbjk\"",
    "@ = [\"Zwxqvbjk\"",
    "@ = [Zwxqvbjk",
    "@ = (\"Zwxqvbjk\"",
    "@ = { a = \"Zwxqvbjk\"",
    "@ = { a: Zwxqvbjk }",
    "@ = { a \"Zwxqvbjk\" }",
    "@ = { \"Zwxqvbjk\" }",
    "@ = \"a\" \"Zwxqvbjk\"",
    "@ = \"Zwxqvbjk\" \"a\"",
    "@ = \"Zwxqvbjk\"\"a\"",
    "@ = \"a\"Zwxqvbjk",
    "@ = b\"Zwxqvbjk\"",
    "@ = Zwxqvbjk-1!2",
    "@ = Zwxqvbjk#1",
    "@ = Zwxqvbjk//1",
    "@ = a#Zwxqvbjk",
    "@ = a b # Zwxqvbjk",
    "@ = a?Zwxqvbjk:1",
    "@ = $Zwxqvbjk",
    "@ = @Zwxqvbjk",
    "@ = $(Zwxqvbjk)",
    "@ = a!Zwxqvbjk",
    "@ = a,Zwxqvbjk",
    "@ = a)Zwxqvbjk",
    "@ = a}Zwxqvbjk",
    "@ = a(Zwxqvbjk",
    "@ = a.Zwxqvbjk",
    "@ = 1Zwxqvbjk",
    "@ = 1.2.Zwxqvbjk",
    "@ = 0xZwxqvbjk",
    "@ = \\Zwxqvbjk",
    "@ = \"\\qZwxqvbjk\"",
    "@ = \"\\Zwxqvbjk\"",
    "@ = \"${Zwxqvbjk}\"",
    "@ = \"${Zwxqvbjk\"",
    "@ = \"${\"Zwxqvbjk\"\"",
    "@ = \"%{Zwxqvbjk}\"",
    "@ = \"%{ if true }Zwxqvbjk\"",
    "@ = Zwxqvbjk.a",
    "@ = Zwxqvbjk[0]",
    "@ = Zwxqvbjk(\"a\")",
    "@ = uper(\"Zwxqvbjk\")",
    "@ = upper(\"Zwxqvbjk\"",
    "@ = upper(Zwxqvbjk)",
    "@ = upper(\"a\", \"Zwxqvbjk\")",
    "@ = tonumber(\"Zwxqvbjk\")",
    "@ = regex(\"[\", \"Zwxqvbjk\")",
    "@ = jsondecode(\"Zwxqvbjk\")",
    "@ = frobnicated(\"Zwxqvbjk\")",
    "@ = sensitive(\"Zwxqvbjk\"",
    "@ = sensitve(\"Zwxqvbjk\")",
    "@ = jsonencode({ a = \"Zwxqvbjk\"",
    "@ = \"Zwxqvbjk\";",
    "@ = \"Zwxqvbjk\",",
    "@ = \"Zwxqvbjk\" if true",
    "@ = \"Zwxqvbjk\" a = 1",
    "@ = \"Zwxqvbjk\" + 1",
    "@ = \"Zwxqvbjk\" + ",
    "@ = -\"Zwxqvbjk\"",
    "@ = \"Zwxqvbjk\"[0]",
    "@ = \"Zwxqvbjk\".a",
    "@ = not Zwxqvbjk",
    "@ = if Zwxqvbjk",
    "@ = Zwxqvbjk and a",
    "@ = /* Zwxqvbjk",
    "@ = 1 /* \"Zwxqvbjk\"",
    "@ = \"\" /* Zwxqvbjk of it",
    "/* \"Zwxqvbjk\"\n@ = 1",
    "/* an Zwxqvbjk\n@ = 1",
    "/* an old one\n@ = \"Zwxqvbjk\"",
    "@ = <<Zwxqvbjk",
    "@ = <<EOT Zwxqvbjk\nEOT",
    "@ = <<EOT\nZwxqvbjk\n",
    "@ = <<EOT\nZwxqvbjk ${\nEOT",
    "@ = <<\"EOT\"\nZwxqvbjk\nEOT",
    "@ = << EOT\nZwxqvbjk\nEOT",
    "@ = <<~EOT\n  Zwxqvbjk\n  EOT",
    "@ = \"\"\"Zwxqvbjk\"\"\"",
    "@ = \"\"\"\nZwxqvbjk\n\"\"\"",
    "@ = |\n  Zwxqvbjk",
    "@ = -----BEGIN PRIVATE KEY-----\nZwxqvbjk/a+b==\n-----END PRIVATE KEY-----",
    "@ = \"Zwxqvbjk\"\n@ = \"Zwxqvbjk\"",
    "@ = 1\n@ = \"Zwxqvbjk\"",
    "@ = { password = \"Zwxqvbjk\"",
    "@ = [for it in [\"Zwxqvbjk\"] : ]",
    "@ = true ? \"Zwxqvbjk\"",
    "@ = \"Zwxqvbjk\" ? 1 : 2",
    "nothing = (\n@ = \"Zwxqvbjk\"",
    "nothing = \"\n@ = \"Zwxqvbjk\"",
    "nothing = \n@ = \"Zwxqvbjk\"",
    "nothing = 1 @ = \"Zwxqvbjk\"",
    "nothing = 1 @ = Zwxqvbjk",
    "}\n@ = \"Zwxqvbjk\"",
    "}\n@ = 'Zwxqvbjk'",
    "nothing = 1 }\n@ = { a = \"Zwxqvbjk\" }",
    "}}\n@ = \"Zwxqvbjk\"",
    "nothing = \"${\n@ = \"Zwxqvbjk\"",
    "nothing = \"${a(\n@ = \"Zwxqvbjk\"",
    "nothing = \"%{\n@ = Zwxqvbjk",
];

/// Unclosed constructs before a declaration.
const LEFT_OPEN: &[&str] = &[
    "locals {\n  a = \"${\n}",
    "locals {\n  a = \"${b(",
    "output \"a\" {\n  value = \"${b(\"\n}",
    "locals {\n  a = [",
    "locals {\n  a = \"%{ if b",
    "locals {\n  a = <<EOT",
    "/* a",
];

/// A place for a secret: the argument that replaces `@`, and the files, in which the form replaces
/// `&`.
struct Place {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const SENSITIVE: &str = "variable \"pw\" {\n  type = string\n  sensitive = true\n}\n";
const INNER: (&str, &str) = ("inner/main.hcl", "variable \"pw\" {\n  sensitive = true\n}\n");

const PLACES: &[Place] = &[
    Place { name: "pw", files: &[("main.hcl", SENSITIVE), ("ha.hclvars", "&\n")] },
    Place { name: "pv", files: &[("main.hcl", SENSITIVE), ("ha.hclvars", "&\nother = 'a'\n")] },
    Place { name: "pw", files: &[("main.tf", SENSITIVE), ("terraform.tfvars", "open = 1\n&\n")] },
    Place {
        name: "default",
        files: &[("main.hcl", "variable \"pw\" {\n  sensitive = true\n  &\n}\n")],
    },
    Place {
        name: "defalut",
        files: &[("main.hcl", "variable \"pw\" {\n  &\n  sensitive = true\n}\n")],
    },
    Place {
        name: "default",
        files: &[("main.hcl", "varable \"pw\" {\n  &\n  sensitive = true\n}\n")],
    },
    Place {
        name: "default",
        files: &[("main.hcl", "variable \"pw\" {\n  &\n  sensitve = true\n}\n")],
    },
    Place {
        name: "default",
        files: &[("main.hcl", "variable pw x {\n  sensitive = true\n  &\n}\n")],
    },
    Place { name: "default", files: &[("main.hcl", "variable {\n  sensitive = true\n  &\n}\n")] },
    Place {
        name: "default",
        files: &[("main.hcl", "variable \"pw\" = {\n  sensitive = true\n  &\n}\n")],
    },
    Place { name: "default", files: &[("main.hcl", "variable \"pw\" { sensitive = true, & }\n")] },
    Place {
        name: "default",
        files: &[("main.hcl", "variable \"pw\" { sensitive = true }\nvarable \"pw\" { & }\n")],
    },
    Place {
        name: "value",
        files: &[("main.hcl", "output \"pw\" {\n  sensitive = true\n  &\n}\n")],
    },
    Place { name: "valu", files: &[("main.hcl", "output \"pw\" {\n  &\n  sensitive = true\n}\n")] },
    Place {
        name: "password",
        files: &[("main.hcl", "resource \"postgresql_role\" \"a\" {\n  name = \"a\"\n  &\n}\n")],
    },
    Place {
        name: "pasword",
        files: &[("main.hcl", "resource \"postgresql_role\" \"a\" {\n  name = \"a\"\n  &\n}\n")],
    },
    Place {
        name: "master_word",
        files: &[("main.hcl", "resource \"aws_db_instance\" \"a\" {\n  &\n}\n")],
    },
    Place {
        name: "master_word",
        files: &[("main.hcl", "resource \"aws_db_instnce\" \"a\" {\n  &\n}\n")],
    },
    Place {
        name: "master_password",
        files: &[("main.hcl", "resource \"aws_db_instance\" {\n  &\n}\n")],
    },
    Place { name: "master_password", files: &[("main.hcl", "aws_db_instance \"a\" {\n  &\n}\n")] },
    Place {
        name: "master_password",
        files: &[("main.hcl", "resorce \"nothing_known\" \"a\" {\n  &\n}\n")],
    },
    Place { name: "word", files: &[("main.hcl", "provider \"postgresql\" {\n  &\n}\n")] },
    Place { name: "passphrase", files: &[("main.hcl", "ha {\n  encryption {\n    &\n  }\n}\n")] },
    Place {
        name: "secret_kee",
        files: &[("main.hcl", "ha {\n  backend \"s3\" {\n    bucket = \"a\"\n    &\n  }\n}\n")],
    },
    Place { name: "password", files: &[("main.hcl", "locals {\n  &\n}\n")] },
    Place {
        name: "pw",
        files: &[("main.hcl", "module \"m\" {\n  source = \"./inner\"\n  &\n}\n"), INNER],
    },
    Place {
        name: "pwd_of_it",
        files: &[("main.hcl", "module \"m\" {\n  source = \"./inner\"\n  &\n}\n"), INNER],
    },
    Place {
        name: "other",
        files: &[("main.hcl", "module \"m\" {\n  source = \"./inner\"\n  &\n}\n"), INNER],
    },
    Place { name: "pw", files: &[("main.hcl", "modul \"m\" {\n  sorce = \"./inner\"\n  &\n}\n")] },
    Place { name: "pw", files: &[("main.hcl", "module \"m\" {\n  &\n  source = \"./iner\"\n}\n")] },
    Place {
        name: "id",
        files: &[("main.hcl", "import {\n  to = random_password.a\n  &\n  idd = 1\n}\n")],
    },
    Place {
        name: "idd",
        files: &[("main.hcl", "import {\n  &\n  to = module.a[\"b\"].tls_ca.a\n}\n")],
    },
    Place { name: "id", files: &[("main.hcl", "imprt {\n  to = tls_crt.a\n  &\n}\n")] },
];

/// The same in JSON, most of them invalid.
const JSON_FORMS: &[&str] = &[
    "\"@\": \"Zwxqvbjk\"",
    "\"@\" \"Zwxqvbjk\"",
    "\"@\" = \"Zwxqvbjk\"",
    "\"@\": Zwxqvbjk",
    "\"@\": 'Zwxqvbjk'",
    "'@': 'Zwxqvbjk'",
    "@: \"Zwxqvbjk\"",
    "@: Zwxqvbjk",
    "\"@: \"Zwxqvbjk\"",
    "@\": \"Zwxqvbjk\"",
    "\"@\": \"Zwxqvbjk",
    "\"@\": Zwxqvbjk\"",
    "\"@\": \"Zwxqvbjk\",",
    "\"@\": \"Zwxqvbjk\" \"other\": 1",
    "\"other\": 1 \"@\": \"Zwxqvbjk\"",
    "\"@\": [\"Zwxqvbjk\"",
    "\"@\": {\"a\": \"Zwxqvbjk\"",
    "\"@\": [\"Zwxqvbjk\" \"a\"]",
    "\"@\": \"Zwxqvbjk\", \"@\": \"Zwxqvbjk\"",
    "\"@\": \"\\qZwxqvbjk\"",
    "\"@\": \"${Zwxqvbjk}\"",
    "\"@\": \"${Zwxqvbjk\"",
    "\"@\": \"a\nZwxqvbjk\"",
    "\"@\": 1Zwxqvbjk",
    "\"@\": -Zwxqvbjk",
    "\"@\": \"Zwxqvbjk\" // a",
    "\"@\":\n  \"Zwxqvbjk\"\n\"a\": 1",
    "\"a\": 1},\n\"@\": \"Zwxqvbjk\"",
    "\"a\": 1}}\n\"@\": \"Zwxqvbjk\"",
];

const JSON_PLACES: &[Place] = &[
    Place { name: "pw", files: &[("main.hcl", SENSITIVE), ("ha.hclvars.json", "{\n  &\n}\n")] },
    Place {
        name: "pv",
        files: &[("main.hcl", SENSITIVE), ("ha.hclvars.json", "{\n  \"open\": 1,\n  &\n}\n")],
    },
    Place { name: "pw", files: &[("main.hcl", SENSITIVE), ("ha.hclvars.json", "{ & }\n")] },
    Place {
        name: "default",
        files: &[(
            "main.hcl.json",
            "{\"variable\": {\"pw\": {\n  \"sensitive\": true,\n  &\n}}}\n",
        )],
    },
    Place {
        name: "defalut",
        files: &[(
            "main.hcl.json",
            "{\"variable\": {\"pw\": {\n  &,\n  \"sensitive\": true\n}}}\n",
        )],
    },
    Place {
        name: "default",
        files: &[("main.tf.json", "{\"varable\": {\"pw\": {\"sensitive\": true, & }}}\n")],
    },
    Place {
        name: "valu",
        files: &[("main.tf.json", "{\"output\": {\"pw\": {\"sensitive\": true, & }}}\n")],
    },
    Place {
        name: "password",
        files: &[("main.tf.json", "{\"resource\": {\"postgresql_role\": {\"a\": {\n &\n}}}}\n")],
    },
    Place {
        name: "master_word",
        files: &[("main.tf.json", "{\"resource\": {\"aws_db_instance\": {\"a\": {\n &\n}}}}\n")],
    },
    Place {
        name: "word",
        files: &[("main.tf.json", "{\"provider\": {\"postgresql\": {\n &\n}}}\n")],
    },
    Place {
        name: "other",
        files: &[
            ("main.hcl.json", "{\"module\": {\"m\": {\"source\": \"./inner\",\n &\n}}}\n"),
            INNER,
        ],
    },
];

/// Expressions that have a secret in them.
const EXPRESSIONS: &[&str] = &[
    "sensitive(\"Zwxqvbjk\"",
    "sensitve(\"Zwxqvbjk\")",
    "sensitive('Zwxqvbjk')",
    "sensitive(Zwxqvbjk)",
    "sensitive(\"Zwxqvbjk)",
    "sensitive(\"Zwxqvbjk\", 1)",
    "sensitive \"Zwxqvbjk\"",
    "sensitive[\"Zwxqvbjk\"]",
    "sensitive(upper(\"Zwxqvbjk\"",
    "tonumber(sensitive(\"Zwxqvbjk\"))",
    "uper(sensitive(\"Zwxqvbjk\"))",
    "{ password = 'Zwxqvbjk' }",
    "{ password \"Zwxqvbjk\" }",
    "jsonencode({ password = \"Zwxqvbjk\" )",
    "jsonencode(password = \"Zwxqvbjk\")",
    "password = \"Zwxqvbjk\"",
    "password = Zwxqvbjk",
    "pw = Zwxqvbjk",
];

/// Calls a function for each item, in four threads.
fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(it) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(it);
                }
            });
        }
    });
}

/// Returns the output if it contains a part of the secret.
fn leak(done: &Done) -> Option<String> {
    let parts = (0..=SECRET.len() - 4).map(|at| &SECRET[at..at + 4]);
    let printed = [&done.out, &done.err];
    parts
        .into_iter()
        .any(|part| printed.iter().any(|it| it.contains(part)))
        .then(|| format!("{}{}", done.out, done.err))
}

/// Set to try the complete tables instead of a sample.
const ALL: &str = "HA_TEST_ALL_SLIPS";
/// The seed of the sample.
const SEED: &str = "HA_TEST_SEED";

/// Draws a sample from a seed; returns everything if `ALL` is set.
fn sample<T>(mut all: Vec<T>, count: usize) -> Vec<T> {
    if std::env::var_os(ALL).is_some() {
        return all;
    }
    let seed = std::env::var(SEED).map_or(1, |it| it.parse().unwrap());
    #[expect(clippy::print_stdout, reason = "a failure is drawn again from its seed")]
    {
        println!("{SEED}={seed}");
    }
    // An xorshift generator draws the same numbers on every machine, so that a failure can be
    // repeated from its seed.
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    (0..count.min(all.len())).map(|_| all.swap_remove(draw(all.len()))).collect()
}

/// Combines each place with each form.
fn pairs<'a>(places: &'a [Place], forms: &[&'a str]) -> Vec<(&'a Place, &'a str)> {
    places.iter().flat_map(|place| forms.iter().map(move |form| (place, *form))).collect()
}

/// Runs commands on each form in its place, and returns the outputs that reveal the secret.
fn hunt(all: &[(&Place, &str)], commands: &[&[&str]]) -> Vec<String> {
    let leaks = Mutex::new(Vec::new());
    each(all, |(place, form)| {
        let given = form.replace('@', place.name);
        let project = Project::new("");
        std::fs::remove_file(project.path("main.hcl")).unwrap();
        std::fs::create_dir(project.path("inner")).unwrap();
        for (name, text) in place.files {
            project.write(name, &text.replace('&', &given));
        }
        for arguments in commands {
            let done = project.ha(arguments);
            assert_ne!(done.code, 101, "{given}: {}", done.err);
            if let Some(printed) = leak(&done) {
                leaks.lock().unwrap().push(format!(
                    "{:?}\n{given}\n{arguments:?}\n{printed}",
                    place.files[place.files.len() - 1]
                ));
            }
        }
    });
    leaks.into_inner().unwrap()
}

fn none(leaks: &[String]) {
    assert!(
        leaks.is_empty(),
        "{} leaks\n{}",
        leaks.len(),
        leaks.iter().take(40).cloned().collect::<Vec<_>>().join("\n\n")
    );
}

#[test]
fn no_slip_reveals_a_secret() {
    none(&hunt(&sample(pairs(PLACES, FORMS), 120), &[&["plan"], &["validate", "--json"]]));
}

#[test]
fn no_slip_in_json_reveals_a_secret() {
    none(&hunt(&sample(pairs(JSON_PLACES, JSON_FORMS), 40), &[&["plan"], &["validate", "--json"]]));
}

#[test]
fn no_other_view_reveals_a_secret() {
    let places: Vec<Place> = PLACES.iter().chain(JSON_PLACES).map(|it| Place { ..*it }).collect();
    let forms = ["@ = 'Zwxqvbjk'", "@ \"Zwxqvbjk\"", "\"@\": Zwxqvbjk", "@ = \"Zwxqvbjk"];
    let commands: &[&[&str]] = &[
        &["validate"],
        &["plan", "--json"],
        &["plan", "--document=-"],
        &["apply", "--yes", "--json"],
        &["console", "--expr", "1"],
        &["console", "--json", "--expr", "1"],
        &["fmt"],
        &["fmt", "--check"],
        &["graph"],
        &["output", "--json"],
    ];
    none(&hunt(&sample(pairs(&places, &forms), 12), commands));
}

/// These forms are tried with every sample: an argument behind a surplus bracket belongs to the
/// block that the bracket closed.
#[test]
fn no_surplus_bracket_reveals_a_secret() {
    let in_provider: Vec<Place> =
        PLACES.iter().filter(|it| it.name == "word").map(|it| Place { ..*it }).collect();
    let forms: Vec<&str> = FORMS
        .iter()
        .copied()
        .filter(|it| it.contains("}\n@") || it.starts_with("nothing = \""))
        .collect();
    assert!(in_provider.len() == 1 && forms.len() > 5);
    none(&hunt(&pairs(&in_provider, &forms), &[&["plan"]]));
}

/// These forms are tried with every sample.
#[test]
fn no_unclosed_comment_reveals_a_secret() {
    let forms: Vec<&str> = FORMS.iter().copied().filter(|it| it.contains("/*")).collect();
    let places: Vec<Place> = PLACES
        .iter()
        .filter(|it| matches!(it.name, "pw" | "default" | "value" | "password"))
        .map(|it| Place { ..*it })
        .collect();
    assert!(forms.len() >= 6 && places.len() > 8);
    none(&hunt(&sample(pairs(&places, &forms), 24), &[&["plan"], &["validate", "--json"]]));
}

/// An unclosed construct must not hide a later declaration that makes a variable sensitive.
#[test]
fn no_unclosed_construct_reveals_a_later_secret() {
    let mut all = Vec::new();
    for open in LEFT_OPEN {
        let declared = ("main.hcl", format!("{open}\n{SENSITIVE}"));
        all.push(vec![declared.clone(), ("ha.hclvars", "pw = Zwxqvbjk\n".to_owned())]);
        all.push(vec![declared, ("ha.hclvars", "pw 'Zwxqvbjk'\n".to_owned())]);
        for form in ["default = 'Zwxqvbjk'", "default = \"Zwxqvbjk\" 2", "defalut = Zwxqvbjk"] {
            for block in [
                "variable \"pw\" {\n  sensitive = true\n  &\n}\n",
                "variable pw {\n  &\n  sensitive = true\n}\n",
            ] {
                all.push(vec![("main.hcl", format!("{open}\n{}", block.replace('&', form)))]);
            }
        }
    }
    let leaks = Mutex::new(Vec::new());
    each(&sample(all, 28), |files| {
        let project = Project::new("");
        files.iter().for_each(|(name, text)| project.write(name, text));
        leaks
            .lock()
            .unwrap()
            .extend(leak(&project.ha(&["plan"])).map(|printed| format!("{files:?}\n{printed}")));
    });
    none(&leaks.into_inner().unwrap());
}

#[test]
fn no_expression_reveals_a_secret() {
    let project = Project::new(SENSITIVE);
    let mut leaks = Vec::new();
    for expression in EXPRESSIONS {
        for arguments in [
            ["console", "--expr", expression].as_slice(),
            &["console", "--json", "--expr", expression],
        ] {
            let done =
                Done::from(project.command(arguments).env("HA_VAR_pw", "a").output().unwrap());
            leaks.extend(leak(&done).map(|it| format!("{arguments:?}\n{it}")));
        }
    }
    none(&leaks);
}

#[test]
fn no_command_line_reveals_a_secret() {
    let project = Project::new(SENSITIVE);
    project.write("secret.txt", "Zwxqvbjk\n");
    project.write("secrets.txt", "an Zwxqvbjk/of+it==\n");
    let mut leaks = Vec::new();
    for given in [
        ["--var", "Zwxqvbjk"].as_slice(),
        &["--var=Zwxqvbjk"],
        &["-var", "Zwxqvbjk"],
        &["-var=Zwxqvbjk"],
        &["--var", "pw:Zwxqvbjk"],
        &["--var", "Zwxqvbjk=="],
        &["--var", "x://u:Zwxqvbjk@h/d?a=b"],
        &["--var", "pw", "Zwxqvbjk"],
        &["--var", "pw=", "Zwxqvbjk"],
        &["--var", "pw", "=", "Zwxqvbjk"],
        &["--vars", "pw=Zwxqvbjk"],
        &["--vra=pw=Zwxqvbjk"],
        &["--vra", "pw=Zwxqvbjk"],
        &["pw=Zwxqvbjk"],
        &["--var-pw=Zwxqvbjk"],
        &["--var", "=Zwxqvbjk"],
        &["--var", "pv=Zwxqvbjk"],
        &["--var", "Zwxqvbjk="],
        &["--var=Zwxqvbjk=a"],
        &["-var", "Zwxqvbjk=a=="],
        &["--var", "pw=[\"Zwxqvbjk\""],
        &["--var-file", "secret.txt"],
        &["--var-file", "secrets.txt"],
    ] {
        for command in ["plan", "validate", "apply", "console"] {
            let done = project.ha(&[&[command], given].concat());
            leaks.extend(leak(&done).map(|it| format!("{command} {given:?}\n{it}")));
        }
    }
    for name in ["HA_VAR_pw", "HA_VAR_pv", "TF_VAR_pw", "HA_CLI_ARGS", "HA_CLI_ARGS_plan"] {
        for value in [
            "--var Zwxqvbjk",
            "--var 'Zwxqvbjk",
            "--var=[Zwxqvbjk",
            "--var pw=Zwxqvbjk\"",
            "--var pw= Zwxqvbjk",
        ] {
            let done = Done::from(project.command(&["plan"]).env(name, value).output().unwrap());
            leaks.extend(leak(&done).map(|it| format!("{name}={value}\n{it}")));
        }
    }
    none(&leaks);
}

/// Literals of sensitive declarations, and imports with secret ids.
const DECLARED: &[&str] = &[
    "variable \"pw\" {\n  sensitive = true\n  type = object({ a = optional(string, [\"Zwxqvbjk\"]) })\n}\n",
    "variable \"pw\" {\n  sensitive = true\n  type = object({ a = optional(number, \"Zwxqvbjk\") })\n}\n",
    "variable \"pw\" {\n  type = object({ a = optional(strng, \"Zwxqvbjk\") })\n  ephemeral = true\n}\n",
    "variable \"pw\" {\n  sensitive = true\n  default = { type = \"Zwxqvbjk\" + 1 }\n}\n",
    "output \"pw\" {\n  sensitive = true\n  value = { description = \"Zwxqvbjk\" + 1 }\n}\n",
    "import {\n  to = random_password.a\n  id = [\"Zwxqvbjk\"]\n}\n",
    "import {\n  to = random_password.a\n  id = \"Zwxqvbjk\"\n}\nimport {\n  to = random_password.a\n  id = \"b\"\n}\n",
    "import {\n  for_each = { b = \"Zwxqvbjk\" }\n  to = random_password.a\n  id = each.value + 1\n}\n",
];

#[test]
fn no_declaration_and_no_import_reveals_a_secret() {
    const DRAWN: &str = "resource \"random_password\" \"a\" {\n  length = 8\n}\n";
    let leaks = Mutex::new(Vec::new());
    each(DECLARED, |text| {
        let project = Project::new(&format!("{text}{DRAWN}"));
        for arguments in
            [["plan"].as_slice(), &["validate", "--json"], &["fmt", "--check", "--diff"]]
        {
            leaks
                .lock()
                .unwrap()
                .extend(leak(&project.ha(arguments)).map(|it| format!("{text}\n{it}")));
        }
    });
    none(&leaks.into_inner().unwrap());
}

#[test]
fn no_file_diff_reveals_a_secret() {
    let project = Project::new(&format!("{SENSITIVE}variable \"open\" {{\n default = 1\n}}\n"));
    project.write("ha.hclvars", "pw = \"Zwxqvbjk\"\nopen = \"shown\"\nmisspelt = \"Zwxqvbjk\"\n");
    project.write(
        "more.hcl",
        "resource \"postgresql_role\" \"a\" {\n  name = \"shown\"\n  password = \"Zwxqvbjk\"\n}\n",
    );
    let done = project.ha(&["fmt", "--check", "--diff"]);
    assert_eq!((done.code, leak(&done)), (3, None), "{}", done.out);
    for shown in ["+open     = \"shown\"", "+pw       = \"********\"", "+  name     = \"shown\""] {
        assert!(done.out.contains(shown), "{shown}\n{}", done.out);
    }
}

/// A random value made from a secret is secret; one that only has the secret as a keeper is not.
#[test]
fn random_values_made_from_secrets_are_secret() {
    let project = Project::new(
        "variable \"pw\" {\n  sensitive = true\n  default = \"Zwxqvbjk\"\n}\n\
         resource \"random_string\" \"drawn\" {\n  length = 30\n  upper = false\n  lower = false\n  numeric = false\n  \
         override_special = var.pw\n}\n\
         resource \"random_id\" \"led\" {\n  byte_length = 1\n  prefix = var.pw\n}\n\
         resource \"random_string\" \"kept\" {\n  length = 8\n  special = false\n  keepers = { a = var.pw }\n}\n",
    );
    let applied = project.ha(&["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let state: serde_json::Value =
        serde_json::from_str(&project.done(&["show", "--json"])).unwrap();
    let of = |name: &str| {
        let all = state["values"]["root_module"]["resources"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).unwrap()["values"].clone()
    };
    let secrets: Vec<char> = SECRET.chars().collect();
    let drawn = of("drawn");
    for printed in [drawn["result"].to_string(), drawn["id"].to_string(), applied.out, applied.err]
    {
        assert!(!printed.split(|it| !secrets.contains(&it)).any(|it| it.len() > 9), "{printed}");
    }
    assert!(!of("led")["hex"].to_string().contains(SECRET), "{}", of("led"));
    assert_eq!(of("kept")["result"].as_str().map(str::len), Some(8), "{}", of("kept"));
}

/// Lines that cannot have a secret are shown unchanged.
#[test]
fn a_line_without_a_secret_is_shown() {
    for (text, shown) in [
        ("variable \"region\" {\n  default = 'eu'\n}\n", "default = 'eu'"),
        ("locals {\n  a = some_word\n}\n", "a = some_word"),
        ("resource \"terraform_data\" \"a\" {\n  inptu = \"open\"\n}\n", "inptu = \"open\""),
        ("resource \"postgresql_role\" \"a\" {\n  name = 'open'\n}\n", "name = 'open'"),
        (
            "resource \"postgresql_role\" \"a\" {\n  password = var.nothing\n}\n",
            "password = var.nothing",
        ),
        (
            "resource \"postgresql_role\" \"a\" {\n  password = random_pasword.a.result\n}\n",
            "password = random_pasword.a.result",
        ),
        ("output \"a\" {\n  value = \"open\n}\n", "value = \"open"),
        ("import {\n  to = local_file.a\n  id = 'open'\n}\n", "id = 'open'"),
        ("variable \"a\" {\n  sensitive = true\n  type = strng\n}\n", "type = strng"),
    ] {
        let project = Project::new(text);
        let planned = project.ha(&["plan"]);
        assert!(planned.err.contains(shown), "{text}\n{}", planned.err);
    }
    for (text, shown) in [
        (
            "{\"resource\": {\"postgresql_role\": {\"a\": {\n  \"name\": 'open'\n}}}}\n",
            "\"name\": 'open'",
        ),
        ("{\"provider\": {\"postgresql\": {\n  \"host\": open\n}}}\n", "\"host\": open"),
    ] {
        let project = Project::new("");
        project.write("more.hcl.json", text);
        let planned = project.ha(&["plan"]);
        assert!(planned.err.contains(shown), "{text}\n{}", planned.err);
    }
}
