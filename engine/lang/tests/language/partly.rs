//! Results that are known although an operand is unknown.

use ha_value::Type;

use crate::world::{World, assert_table};

#[test]
fn a_result_is_known_once_the_known_parts_decide_it() {
    let mut world = World::new();
    world.values.insert(
        "local.flag".into(),
        ha_value::Value::unknown(Type::Bool, Some("aws_x.y.id".into())),
    );
    assert_table(
        &world,
        &[
            ("alltrue([false, local.flag])", "false"),
            ("alltrue([local.flag, false])", "false"),
            ("alltrue([local.flag, null])", "false"),
            ("alltrue([true, local.flag])", "<bool aws_x.y.id>"),
            ("anytrue([true, local.flag])", "true"),
            ("anytrue([local.flag, true])", "true"),
            ("anytrue([false, null, local.flag])", "<bool aws_x.y.id>"),
            ("alltrue([sensitive(false), local.flag])", "secret(false)"),
            (r#"index(["a", local.open], "a")"#, "0"),
            (r#"index([local.open, "a"], "a")"#, "<number aws_x.y.id>"),
            (r#"index(["x", "y-${local.open}", "z"], "z")"#, "2"),
            (
                r#"index([1, local.open], 2)"#,
                "error: `value` of `index`: the list has no such element",
            ),
            (r#"setunion(["a"], [local.open])"#, r#"toset(["a", <string aws_x.y.id>])"#),
            (r#"length(setunion(["a"], ["a", "b"], [local.open]))"#, "<number aws_x.y.id>"),
            (r#"length(setunion(["a"], ["a", "b"], [local.open])) > 0"#, "true"),
            ("sort([local.open, null])", "tolist([<string aws_x.y.id>, <string aws_x.y.id>])"),
            ("[for it in local.open_list : it if null]", "error: this condition is null"),
            (r#"setsubtract(["a"], [local.open])"#, "<set(string) aws_x.y.id>"),
            (r#"setintersection([1], [local.open])"#, "<set(string) aws_x.y.id>"),
            (
                "setintersection([[]], [local.open])",
                "error: `setintersection`: all sets must have elements of one type",
            ),
            (
                r#"matchkeys(["a", local.open], [], ["a"])"#,
                "error: `keys` of `matchkeys`: there must be as many keys as values: 2, not 0",
            ),
            (
                r#"matchkeys(["a", "b"], [], local.open_list)"#,
                "error: `keys` of `matchkeys`: there must be as many keys as values: 2, not 0",
            ),
            (r#"zipmap([local.open], tolist(["a"])) == { k = null }"#, "false"),
            (
                "slice([1, 2], length(local.open_list), 3)",
                "error: `end` of `slice`: it must be a position up to the number of elements, 2",
            ),
            ("toset([local.open_list, local.open_list])", "<set(list(string)) aws_x.y.id>"),
            ("true ? [{ a = 1, b = local.open_any }] : [{ a = 2 }]", "[<any aws_x.y.id>]"),
            (
                "true ? { a = 1, b = local.open_any } : null",
                "{\"a\" = 1, \"b\" = <any aws_x.y.id>}",
            ),
            (r#"formatlist("%v", { a = local.open })"#, "tolist([<string aws_x.y.id>])"),
        ],
    );
}
