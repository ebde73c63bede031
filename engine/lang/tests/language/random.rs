//! Draws expressions over `local.text`, `local.number`, `local.flag`, `local.list`, `local.set`,
//! `local.map` and `local.object` from a sequence of choices. A shorter sequence gives a simpler
//! expression, so that proptest can shrink it.

/// The local values that an expression can use.
pub(crate) const NAMES: [&str; 7] = ["text", "number", "flag", "list", "set", "map", "object"];

pub(crate) fn expression(choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter(), bound: 0 };
    match writer.below(4) {
        0 => writer.text(4),
        1 => writer.any(4),
        2 => writer.list(4),
        _ => writer.flag(4),
    }
}

/// A conditional between lists, objects and lists of objects, perhaps with something taken of it.
pub(crate) fn choice_of_collections(choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter(), bound: 0 };
    let step = writer.below(6);
    let condition = writer.flag(2);
    let mut arm = || match writer.below(5) {
        0 => writer.list(2),
        1 => writer.object(2),
        2 => format!("[{}, {}]", writer.object(2), writer.object(2)),
        3 => format!("[{}]", writer.object(2)),
        _ => "[]".into(),
    };
    let choice = format!("({condition} ? {} : {})", arm(), arm());
    match step {
        0 => format!("{choice}[*].name"),
        1 => format!("length({choice})"),
        2 => format!("[for it in {choice} : it]"),
        3 => format!("try({choice}[0].name, \"none\")"),
        4 => format!("concat([\"a\"], {choice})"),
        _ => choice,
    }
}

struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    /// The number of strings that are bound by loops around.
    bound: usize,
}

impl Writer<'_> {
    /// The next choice; 0 at the end of the sequence.
    fn below(&mut self, limit: u8) -> u8 {
        self.choices.next().map_or(0, |it| it % limit)
    }

    fn any(&mut self, depth: u8) -> String {
        match self.below(8) {
            0 => self.text(depth),
            1 => self.number(depth),
            2 => self.flag(depth),
            3 => self.list(depth),
            4 => self.object(depth),
            5 => "local.object".into(),
            6 if depth > 0 => format!("[{}, {}]", self.any(depth - 1), self.any(depth - 1)),
            7 if depth > 0 => format!(
                "({} ? {} : {})",
                self.flag(depth - 1),
                self.any(depth - 1),
                self.any(depth - 1)
            ),
            _ => "null".into(),
        }
    }

    fn text(&mut self, depth: u8) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "local.text".into() };
        match self.below(32) {
            0 => "local.text".into(),
            1 => "\"a\"".into(),
            2 => "\"\"".into(),
            3 if self.bound > 0 => format!("v{}", usize::from(self.below(8)) % self.bound),
            4 => format!("\"x-${{{}}}\"", self.any(depth)),
            5 => format!("\"${{{}}}${{{}}}-z\"", self.text(depth), self.text(depth)),
            6 => format!("upper({})", self.text(depth)),
            7 => format!("join(\",\", {})", self.list(depth)),
            8 => format!("jsonencode({})", self.any(depth)),
            9 => format!("({} ? {} : {})", self.flag(depth), self.text(depth), self.text(depth)),
            10 => format!("format(\"%s:%v\", {}, {})", self.text(depth), self.any(depth)),
            11 => {
                format!("replace({}, {}, {})", self.text(depth), self.text(depth), self.text(depth))
            }
            12 => format!("substr({}, 0, {})", self.text(depth), self.number(depth)),
            13 => format!("{}[{}]", self.list(depth), self.number(depth)),
            14 => format!("{}.name", self.object(depth)),
            15 => format!("lookup(local.map, {}, {})", self.text(depth), self.text(depth)),
            16 => format!("try({}, {})", self.any(depth), self.text(depth)),
            17 => format!(
                "\"%{{ if {} }}${{{}}}%{{ else }}n%{{ endif }}\"",
                self.flag(depth),
                self.text(depth)
            ),
            18 => {
                let over = self.list(depth);
                let inner = self.bind(|it| it.text(depth));
                format!("\"%{{ for v{} in {over} }}<${{{inner}}}>%{{ endfor }}\"", self.bound)
            }
            19 => format!("coalesce({}, {})", self.text(depth), self.text(depth)),
            20 => format!("sha1({})", self.text(depth)),
            21 => format!("trimprefix({}, {})", self.text(depth), self.text(depth)),
            22 => format!("tostring({})", self.any(depth)),
            23 => format!("element({}, {})", self.list(depth), self.number(depth)),
            25 => format!("one({})", self.list(depth)),
            26 => format!("yamlencode({})", self.any(depth)),
            27 => format!("try(regex(\"[a-c]+\", {}), {})", self.text(depth), self.text(depth)),
            29 => format!(
                "try({}.name, {}[0], {})",
                self.object(depth),
                self.list(depth),
                self.text(depth)
            ),
            30 => format!("sensitive({})", self.text(depth)),
            24 => format!("templatestring(\"<$${{x}}>\", {{ x = {} }})", self.any(depth)),
            _ => format!("local.map[{}]", self.text(depth)),
        }
    }

    fn number(&mut self, depth: u8) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "local.number".into() };
        match self.below(12) {
            8 => format!("index({}, {})", self.list(depth), self.text(depth)),
            9 => format!("sum([{}, {}])", self.number(depth), self.number(depth)),
            10 => format!("(-{} * {})", self.number(depth), self.number(depth)),
            0 => "local.number".into(),
            1 => "0".into(),
            2 => "2".into(),
            3 => format!("({} + {})", self.number(depth), self.number(depth)),
            4 => format!("length({})", self.list(depth)),
            5 => format!("length({})", self.text(depth)),
            6 => format!("max({}, {})", self.number(depth), self.number(depth)),
            7 => {
                format!("({} ? {} : {})", self.flag(depth), self.number(depth), self.number(depth))
            }
            _ => format!("({} % 3)", self.number(depth)),
        }
    }

    fn flag(&mut self, depth: u8) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "local.flag".into() };
        match self.below(15) {
            12 => format!("alltrue([{}, {}])", self.flag(depth), self.flag(depth)),
            13 => format!("({} == null)", self.any(depth)),
            14 => format!("strcontains({}, {})", self.text(depth), self.text(depth)),
            0 => "local.flag".into(),
            1 => format!("({} == {})", self.any(depth), self.any(depth)),
            2 => format!("({} != {})", self.text(depth), self.text(depth)),
            3 => format!("({} < {})", self.number(depth), self.number(depth)),
            4 => format!("({} && {})", self.flag(depth), self.flag(depth)),
            5 => format!("({} || {})", self.flag(depth), self.flag(depth)),
            6 => format!("!{}", self.flag(depth)),
            7 => format!("contains({}, {})", self.list(depth), self.text(depth)),
            8 => format!("can({})", self.any(depth)),
            9 => format!("startswith({}, {})", self.text(depth), self.text(depth)),
            10 => format!("anytrue([{}, {}])", self.flag(depth), self.flag(depth)),
            _ => "true".into(),
        }
    }

    /// A list, set or tuple, usually of strings.
    fn list(&mut self, depth: u8) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "local.list".into() };
        match self.below(27) {
            26 => {
                format!("keys(transpose({{ a = {}, b = {} }}))", self.list(depth), self.list(depth))
            }
            0 => "local.list".into(),
            1 => format!("[{}, {}]", self.text(depth), self.text(depth)),
            2 => format!("concat({}, {})", self.list(depth), self.list(depth)),
            3 => {
                let over = self.list(depth);
                let inner = self.bind(|it| it.text(depth));
                format!("[for v{} in {over} : {inner}]", self.bound)
            }
            4 => {
                let over = self.list(depth);
                let inner = self.bind(|it| it.flag(depth));
                format!("[for v{0} in {over} : v{0} if {inner}]", self.bound)
            }
            5 => "local.set".into(),
            6 => format!("tolist(toset({}))", self.list(depth)),
            7 => format!("sort({})", self.list(depth)),
            8 => format!("distinct({})", self.list(depth)),
            9 => format!("compact({})", self.list(depth)),
            10 => format!("keys({})", self.object(depth)),
            11 => format!("values({})", self.object(depth)),
            12 => format!("[{}, {}][*].name", self.object(depth), self.object(depth)),
            13 => format!("flatten([{}, {}])", self.list(depth), self.text(depth)),
            14 => format!("split(\"-\", {})", self.text(depth)),
            15 => format!("({} ? {} : {})", self.flag(depth), self.list(depth), self.list(depth)),
            17 => format!("formatlist(\"%s-%s\", {}, {})", self.list(depth), self.text(depth)),
            18 => format!("slice({}, 0, {})", self.list(depth), self.number(depth)),
            19 => format!("setunion({}, {})", self.list(depth), self.list(depth)),
            20 => format!("setintersection({}, {})", self.list(depth), self.list(depth)),
            21 => format!(
                "matchkeys({}, {}, {})",
                self.list(depth),
                self.list(depth),
                self.list(depth)
            ),
            22 => format!("coalescelist({}, {})", self.list(depth), self.list(depth)),
            23 => format!("flatten(chunklist({}, 2))", self.list(depth)),
            24 => format!("try({}, {})", self.list(depth), self.list(depth)),
            25 => format!("setproduct({}, {})[*][0]", self.list(depth), self.list(depth)),
            _ => format!("reverse({})", self.list(depth)),
        }
    }

    fn object(&mut self, depth: u8) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "local.object".into() };
        match self.below(8) {
            7 => {
                format!("({} ? {} : {})", self.flag(depth), self.object(depth), self.object(depth))
            }
            0 => "local.object".into(),
            1 => format!("{{ name = {}, port = {} }}", self.text(depth), self.number(depth)),
            2 => format!("merge({}, {})", self.object(depth), self.object(depth)),
            3 => format!("{{ ({}) = {}, name = 1 }}", self.text(depth), self.any(depth)),
            4 => {
                let over = self.list(depth);
                let inner = self.bind(|it| it.text(depth));
                format!("{{ for v{0} in {over} : v{0} => {inner}... }}", self.bound)
            }
            5 => "local.map".into(),
            _ => format!("zipmap({}, {})", self.list(depth), self.list(depth)),
        }
    }

    /// An expression within a loop, whose variable is numbered by the depth of loops.
    fn bind(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        self.bound += 1;
        let written = write(self);
        self.bound -= 1;
        written
    }
}
