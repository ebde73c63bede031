//! `check` blocks.

use crate::directory::Tree;

#[test]
fn a_check_has_its_own_data_source() {
    let tree = Tree::new([(
        "main.hcl",
        r#"
        check "health" {
          data "http" "page" { url = "http://localhost" }
          assert {
            condition     = data.http.page.status == 200
            error_message = "the page says ${data.http.page.status}"
          }
          assert {
            condition     = true
            error_message = "never"
          }
        }
        "#,
    )]);
    let it = tree.configuration();
    let check = &it.checks["health"];
    assert_eq!(check.assertions.len(), 2);
    let data = check.data.as_ref().unwrap();
    assert_eq!(data.to_string(), "data.http.page");
    assert_eq!(it.blocks[data].check.as_deref(), Some("health"));
}

#[test]
fn reports_wrong_check_blocks() {
    let assert = "assert {\n condition = true\n error_message = \"x\"\n}\n";
    for (text, reported) in [
        (
            "check \"a\" {}".to_owned(),
            vec!["the check `a` has no `assert` block @ main.hcl: check \"a\""],
        ),
        (
            format!("check \"a\" {{\n{assert}}}\ncheck \"a\" {{\n{assert}}}"),
            vec!["there is more than one check `a` @ main.hcl: check \"a\""],
        ),
        (
            format!("check \"a\" {{\nx = 1\n{assert}}}"),
            vec!["there is no argument `x` here @ main.hcl: x"],
        ),
        (
            format!("check \"a\" {{\nresource \"b\" \"c\" {{}}\n{assert}}}"),
            vec!["there is no block `resource` here @ main.hcl: resource"],
        ),
        (
            format!(
                "check \"a\" {{\ndata \"b\" \"c\" {{ count = 1 }}\ndata \"b\" \"d\" {{}}\n{assert}}}"
            ),
            vec![
                "there may be one block `data` only @ main.hcl: data \"b\" \"d\"",
                "a data source of a `check` block cannot have `count` or `for_each` @ main.hcl: 1",
            ],
        ),
        (
            format!(
                "check \"a\" {{\ndata \"b\" \"c\" {{}}\n{assert}}}\nlocals {{ l = data.b.c.x }}"
            ),
            vec!["`data.b.c` is read only for the check `a` @ main.hcl: data.b.c.x"],
        ),
    ] {
        assert_eq!(Tree::new([("main.hcl", text.as_str())]).reported(), reported, "{text}");
    }
}
