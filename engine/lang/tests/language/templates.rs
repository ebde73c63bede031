//! Templates in quotes, heredocs and files.

use crate::world::{World, assert_table};

#[test]
fn heredocs_keep_their_lines() {
    assert_table(
        &World::new(),
        &[
            ("<<E\na\n  b\nE\n", r#""a\n  b\n""#),
            ("<<-E\n    a\n      b\n    E\n", r#""a\n  b\n""#),
            ("<<-E\n    a\n  ${1}\n    E\n", r#""  a\n1\n""#),
            ("<<-E\n  a\n\n    b\n   \n  c\n  E\n", r#""a\n\n  b\n   \nc\n""#),
            ("<<-E\n\ta\n\t\tb\n\tE\n", r#""a\n\tb\n""#),
            ("<<-E\n  x\n${1}\n  E\n", r#""  x\n1\n""#),
            ("<<-E\n  a${1}\n b\n  E\n", r#"" a1\nb\n""#),
            ("<<E\nE\n", r#""""#),
            ("<<E\n${1}\nE\n", r#""1\n""#),
            ("<<E\na\\nb $${c} %%{d}\nE\n", r#""a\\nb ${c} %{d}\n""#),
            ("[<<E\na\nE\n, 1]", r#"["a\n", 1]"#),
            ("<<E\nx ${local.secret}\nE\n", r#""x " + secret("hush") + "\n""#),
        ],
    );
}

#[test]
fn tildes_strip_white_space() {
    assert_table(
        &World::new(),
        &[
            (r#""a ${~ 1 ~} b""#, r#""a1b""#),
            ("\"a \\n ${~ 1 ~} \\n b\"", r#""a1b""#),
            ("<<E\na\n  ${~ 1 ~}\n  b\nE\n", r#""a\n1  b\n""#),
            (
                "<<E\n%{ for x in [1, 2] ~}\n  x ${x}\n%{ endfor ~}\nend\nE\n",
                r#""  x 1\n  x 2\nend\n""#,
            ),
            (
                "<<-E\n  %{ for x in [1, 2] ~}\n    x ${x}\n  %{ endfor ~}\n  end\n  E\n",
                r#""    x 1\n    x 2\n  end\n""#,
            ),
            (r#""%{ if true ~} yes %{~ else ~} no %{~ endif }""#, r#""yes""#),
            (r#""%{ if false ~} yes %{~ endif }.""#, r#"".""#),
            (r#""%{ for k, v in {a = 1, b = 2} }${k}=${v};%{ endfor }""#, r#""a=1;b=2;""#),
        ],
    );
}

#[test]
fn a_single_interpolation_keeps_its_type() {
    assert_table(
        &World::new(),
        &[
            (r#""${[1]}""#, "[1]"),
            (r#""${null}""#, "null"),
            (r#"" ${~ true}""#, r#""true""#),
            (r#""${"${5}"}""#, "5"),
        ],
    );
}

#[test]
fn renders_template_files() {
    let mut world = World::new();
    let mut file = |name: &str, text: &str| drop(world.files.insert(name.into(), text.into()));
    file("a.tmpl", "%{ for name in names ~}\nhello ${name}\n%{ endfor ~}\n");
    file("secret.tmpl", "user = ${user}\npassword = ${password}\nid = ${id}\n");
    file("missing.tmpl", "first\n${nobody}\n");
    file("wrong.tmpl", "%{ if x }\n");
    file("self.tmpl", "${templatefile(\"self.tmpl\", {})}");
    file("outer.tmpl", "<${templatefile(\"inner.tmpl\", { x = x })}>");
    file("inner.tmpl", "${x}!");
    file("list.tmpl", "${x}");
    file("outside.tmpl", "${local.secret}");
    assert_table(
        &world,
        &[
            (r#"templatefile("a.tmpl", { names = ["x", "y"] })"#, r#""hello x\nhello y\n""#),
            (
                r#"templatefile("secret.tmpl", { user = "u", password = local.secret, id = aws_x.y.id })"#,
                r#""user = u\npassword = " + secret("hush") + "\nid = " + <aws_x.y.id> + "\n""#,
            ),
            (r#"templatefile("outer.tmpl", { x = 1 })"#, r#""<1!>""#),
            (r#"templatefile("list.tmpl", { x = [1] })"#, "[1]"),
            (r#"templatefile(local.open, {})"#, "<any aws_x.y.id>"),
            (r#"templatestring("a${"$"}{b}", { b = 2 })"#, r#""a2""#),
            (
                r#"templatefile("missing.tmpl", { somebody = 1 })"#,
                "error: `templatefile`: missing.tmpl:2:3: the template has no variable `nobody` (its variables are somebody)",
            ),
            (
                r#"templatefile("outside.tmpl", {})"#,
                "error: `templatefile`: outside.tmpl:1:3: the template has no variable `local` \
             (it has none; pass them in the second argument of `templatefile`)",
            ),
            (
                r#"templatefile("nowhere.tmpl", {})"#,
                "error: `path` of `templatefile`: `nowhere.tmpl` cannot be read: there is no such file",
            ),
        ],
    );
    assert!(
        world
            .of(r#"templatefile("wrong.tmpl", { x = true })"#)
            .starts_with("error: `templatefile`: wrong.tmpl:")
    );
    assert!(
        world
            .of(r#"templatefile("self.tmpl", {})"#)
            .contains("templates are nested more than 16 deep")
    );
}

#[test]
fn reads_and_lists_files() {
    let mut world = World::new();
    world.files.insert("d/a.txt".into(), "hello!".into());
    world.files.insert("d/e/b.txt".into(), "é".into());
    assert_table(
        &world,
        &[
            (r#"file("d/a.txt")"#, r#""hello!""#),
            (r#"filebase64("d/a.txt")"#, r#""aGVsbG8h""#),
            (r#"filesha1("d/a.txt")"#, r#""8f7d88e901a5ad3a05d8cc0de93313fd76028f8c""#),
            (r#"filemd5("d/a.txt") == md5("hello!")"#, "true"),
            (r#"fileexists("d/a.txt")"#, "true"),
            (r#"fileexists("d/x.txt")"#, "false"),
            (r#"fileset("d", "**/*.txt")"#, r#"toset(["a.txt", "e/b.txt"])"#),
            (r#"fileset("d", "*.txt")"#, r#"toset(["a.txt"])"#),
            (r#"file("x")"#, "error: `path` of `file`: `x` cannot be read: there is no such file"),
        ],
    );
}
