//! Functions of other languages, and their equivalents here.

/// The equivalent of a function of another language.
pub(super) enum Elsewhere {
    /// A function that takes the same arguments.
    Called(&'static str),
    /// Another construct; the string is the help.
    Written(&'static str),
}

/// The equivalent of a function name of other languages, if it is a known one.
pub(super) fn elsewhere(name: &str) -> Option<Elsewhere> {
    called(name).map(Elsewhere::Called).or_else(|| written(name).map(Elsewhere::Written))
}

fn called(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "size" | "count" | "sizeof" | "strlen" => "length",
        "str" | "string" => "tostring",
        "int" | "number" | "float" => "tonumber",
        "bool" => "tobool",
        "set" => "toset",
        "concatenate" => "concat",
        "includes" | "has" => "contains",
        "sprintf" | "printf" => "format",
        "now" | "utcnow" | "today" => "timestamp",
        "toupper" | "uppercase" | "upcase" => "upper",
        "tolower" | "lowercase" | "downcase" => "lower",
        "capitalize" | "ucfirst" => "title",
        "implode" => "join",
        "explode" => "split",
        "uniq" | "unique" => "distinct",
        "tojson" | "to_json" | "json_encode" | "stringify" => "jsonencode",
        "fromjson" | "from_json" | "json_decode" | "parsejson" => "jsondecode",
        "toyaml" | "to_yaml" => "yamlencode",
        "fromyaml" | "from_yaml" => "yamldecode",
        "b64enc" => "base64encode",
        "b64dec" => "base64decode",
        "readfile" | "read_file" => "file",
        _ => return None,
    })
}

fn written(name: &str) -> Option<&'static str> {
    Some(match name {
        "list" => "write the list in brackets: `[a, b]`",
        "map" | "object" | "dict" => "write it in braces: `{ name = value }`",
        "if" => "write `CONDITION ? VALUE : OTHER`",
        "nvl" | "ifnull" | "isnull" | "default" | "defaults" => {
            "`coalesce(VALUE, OTHER)` gives the first that is not null"
        }
        "defined" | "exists" | "isset" => {
            "`can(x)` checks whether `x` has a value, `x != null` whether it is not null"
        }
        "filter" | "select" | "where" | "reject" | "grep" => {
            "`[for it in LIST : it if CONDITION]` selects some elements"
        }
        "foreach" | "each" | "collect" | "transform" => {
            "`[for it in LIST : VALUE]` converts each element"
        }
        "reduce" | "fold" | "foldl" => {
            "`sum`, `join`, `concat(LIST...)` and `merge(LIST...)` combine many values into one"
        }
        "append" | "push" => "`concat(LIST, [VALUE])` is the list with one more element",
        "first" | "head" => "`LIST[0]` is the first element",
        "last" => "`LIST[length(LIST) - 1]` is the last element",
        "avg" | "average" | "mean" => "`sum(LIST) / length(LIST)` is the mean",
        "round" => "`floor(NUMBER + 0.5)` is the nearest whole number",
        "substring" | "mid" => "`substr(TEXT, FROM, LENGTH)` is a part of a string",
        "indexof" => {
            "`index(LIST, VALUE)` is the position in a list, `strcontains(TEXT, PART)` searches a \
                string"
        }
        _ => return None,
    })
}
