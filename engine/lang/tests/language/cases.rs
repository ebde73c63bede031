//! Tables of expressions and their values, one per line, as printed by `terraform console`; `error`
//! where it fails.

use crate::world::World;

#[test]
fn values_equal_those_of_terraform() {
    let tables = [
        include_str!("cases/collections.txt"),
        include_str!("cases/conversions.txt"),
        include_str!("cases/encodings.txt"),
        include_str!("cases/networks.txt"),
        include_str!("cases/numbers.txt"),
        include_str!("cases/operators.txt"),
        include_str!("cases/texts.txt"),
        include_str!("cases/times.txt"),
    ];
    let world = World::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in tables.iter().flat_map(|it| it.lines()).filter(|it| !it.is_empty()) {
        let (text, wanted) =
            line.split_once("   =>   ").expect("an arrow between three spaces on both sides");
        let given = world.of(text);
        let agrees = if wanted == "error" { given.starts_with("error: ") } else { given == wanted };
        if !agrees {
            wrong.push(format!("{text}\n  wanted {wanted}\n  given  {given}"));
        }
        count += 1;
    }
    assert!(count > 400 && wrong.is_empty(), "{}", wrong.join("\n"));
}
