use std::ffi::OsString;

/// The arguments with Terraform's single dashes doubled: `-auto-approve` is `--auto-approve`. What follows an
/// option whose value may begin with a dash is left as it is.
pub(crate) fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut is_over, mut is_value) = (false, false);
    let doubled = |argument: OsString| {
        let Some(text) = argument.to_str() else { return argument };
        is_over |= text == "--";
        if is_over || std::mem::take(&mut is_value) {
            return argument;
        }
        is_value = text.trim_start_matches('-') == EXPRESSION && text.starts_with('-');
        let name = text.strip_prefix('-').map(|it| it.split('=').next().unwrap_or(it)).unwrap_or_default();
        let is_long = name.len() > 1 && name.starts_with(|it: char| it.is_ascii_lowercase());
        match is_long && name.chars().all(|it| it.is_ascii_lowercase() || it == '-') {
            true => format!("-{text}").into(),
            false => argument,
        }
    };
    arguments.map(doubled).collect()
}

/// The option whose value is an expression, which may begin with a dash.
const EXPRESSION: &str = "expr";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_dashes_will_do() {
        let given = ["ha", "-chdir=x", "plan", "-var", "a=-b", "-out", "p", "-h", "-1", "--", "-out"];
        let doubled = with_two_dashes(given.iter().map(Into::into));
        let console = ["ha", "console", "-expr", "-var.x", "-json"].iter().map(Into::into);
        assert_eq!(with_two_dashes(console), ["ha", "console", "--expr", "-var.x", "--json"]);
        assert_eq!(doubled, ["ha", "--chdir=x", "plan", "--var", "a=-b", "--out", "p", "-h", "-1", "--", "-out"]);
    }
}
