//! Formatting of source text.

use ha_lang::{SourceFile, format};

fn formatted(text: &str) -> String {
    format(&SourceFile::new("main.hcl", text)).unwrap_or_else(|it| format!("{it:?}"))
}

#[test]
fn formatting_changes_only_spaces() {
    let cases = [
        ("", ""),
        ("a=b.c", "a = b.c"),
        ("a=b ( ) [c]", "a = b()[c]"),
        ("a=\"x ${ y }${ z } w\"", "a = \"x ${y}${z} w\""),
        ("\u{feff}a=1\n", "a = 1\n"),
        ("a=1\r\nbb=2 # c\r\n", "a  = 1\r\nbb = 2 # c\r\n"),
        ("a=-1-2 - -x\nb=!x&&! y\n", "a = -1 - 2 - -x\nb = !x && !y\n"),
        (
            "a=[for x in[1]:x]\nb={ }\nc={(x)=1}\n",
            "a = [for x in [1] : x]\nb = {}\nc = { (x) = 1 }\n",
        ),
        ("b x {\na=1\n\n\n\nlonger=2\n}\n", "b \"x\" {\n  a = 1\n\n\n\n  longer = 2\n}\n"),
        ("a=1#c\nlonger=[1]//d\n", "a      = 1   #c\nlonger = [1] //d\n"),
        ("a=[\n{\nb=1\nlonger=2\n},\n]\n", "a = [\n  {\n    b      = 1\n    longer = 2\n  },\n]\n"),
        ("a=f({\nb=1\n})\n", "a = f({\n  b = 1\n})\n"),
        (
            "b {\na=<<-EOT\n  x  =  ${ y }\n   EOT\nlonger=1\n}\n",
            "b {\n  a      = <<-EOT\n  x  =  ${y}\n   EOT\n  longer = 1\n}\n",
        ),
        ("a=provider ::x:: y( )", "a = provider::x::y()"),
        ("é=1\nab=2\n", "é  = 1\nab = 2\n"),
    ];
    for (text, wanted) in cases {
        assert_eq!(formatted(text), wanted, "{text:?}");
        assert_eq!(formatted(wanted), wanted, "{wanted:?} again");
    }
}

#[test]
fn formatting_replaces_deprecated_notations() {
    let cases = [
        ("a = \"${b.c}\"\n", "a = b.c\n"),
        ("a = \"${f(\"${b}\")}\" # c\n", "a = f(\"${b}\") # c\n"),
        ("a = \"${b}${c}\"\n", "a = \"${b}${c}\"\n"),
        ("a = [\"${b}\"]\n", "a = [\"${b}\"]\n"),
        ("a = \"${\nb ? 1 :\n2\n}\"\n", "a = (b ? 1 :\n2)\n"),
        ("b \"x\" /* c */ y { # d\n}\n", "b \"x\" \"y\" { # d\n}\n"),
        ("variable \"x\" {\n  type = \"string\"\n}\n", "variable \"x\" {\n  type = string\n}\n"),
        ("variable \"x\" { type = \"map\" }\n", "variable \"x\" { type = map(string) }\n"),
        ("variable \"x\" { type = list }\n", "variable \"x\" { type = list(any) }\n"),
        ("b \"x\" { type = list }\n", "b \"x\" { type = list }\n"),
    ];
    for (text, wanted) in cases {
        assert_eq!(formatted(text), wanted, "{text:?}");
    }
}

#[test]
fn a_file_with_syntax_errors_is_not_formatted() {
    let problems = format(&SourceFile::new("main.hcl", "a = [\n")).unwrap_err();
    assert!(problems[0].span.is_some(), "{problems:?}");
}
