//! Random configurations of the mock types.

use std::fmt::Write;

use proptest::prelude::*;

/// A configuration to be.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    pub(crate) blocks: Vec<Block>,
    /// The rank: a block may refer to blocks of lower rank.
    pub(crate) ranks: Vec<usize>,
}

/// A block to be; its place among the blocks is its name.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) there: bool,
    pub(crate) kind: Kind,
    /// How many, where it is many.
    pub(crate) many: Many,
    /// Cannot change in place.
    pub(crate) generation: u8,
    pub(crate) size: u8,
    /// The blocks (by place) that it refers to, where they are there and of lower rank.
    pub(crate) refers: Vec<usize>,
    /// Whether the reference is in an immutable argument.
    pub(crate) firmly: bool,
    /// Refers through a local value.
    pub(crate) locally: bool,
    pub(crate) create_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Thing,
    Memo,
    Fact,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Many {
    One,
    Count(u8),
    Each(u8),
}

/// What may be generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) blocks: usize,
    /// Whether replacements may occur.
    pub(crate) replaces: bool,
    /// Whether every replacement creates first.
    pub(crate) all_first: bool,
}

fn block(limits: Limits) -> impl Strategy<Value = Block> {
    let kind = prop_oneof![6 => Just(Kind::Thing), 2 => Just(Kind::Memo), 1 => Just(Kind::Fact)];
    let many = prop_oneof![4 => Just(Many::One), 1 => (0..4_u8).prop_map(Many::Count), 1 => (0..8_u8).prop_map(Many::Each)];
    let refers = prop::collection::vec(0..limits.blocks, 0..3);
    let replaces = limits.replaces;
    let parts = (
        prop::bool::weighted(0.75),
        kind,
        many,
        0..3_u8,
        0..3_u8,
        refers,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    parts.prop_map(
        move |(there, kind, many, generation, size, refers, firmly, locally, create_first)| Block {
            there,
            kind,
            many,
            generation: if replaces { generation } else { 0 },
            size,
            refers,
            firmly: firmly && replaces,
            locally,
            create_first: create_first || limits.all_first,
        },
    )
}

/// What makes a name of an index. A block that gets `count` keeps its first instance, and so must
/// the name.
const FIRST_LIKE_THE_ONLY_ONE: &str = r#"${count.index == 0 ? "" : "-${count.index}"}"#;

/// A random configuration.
pub(crate) fn sketch(limits: Limits) -> impl Strategy<Value = Sketch> {
    let ranks = Just((0..limits.blocks).collect::<Vec<usize>>()).prop_shuffle();
    let blocks = prop::collection::vec(block(limits), limits.blocks);
    (blocks, ranks).prop_map(|(blocks, ranks)| Sketch { blocks, ranks })
}

/// A few random configurations of which each is near the one before.
pub(crate) fn edits(limits: Limits, count: usize) -> impl Strategy<Value = Vec<Sketch>> {
    let changes = prop::collection::vec((0..limits.blocks, block(limits)), 1..4);
    let ranks = prop::option::weighted(
        0.3,
        Just((0..limits.blocks).collect::<Vec<usize>>()).prop_shuffle(),
    );
    (sketch(limits), prop::collection::vec((changes, ranks), count)).prop_map(|(first, edits)| {
        let mut all = vec![first];
        for (changes, ranks) in edits {
            let mut next = all.last().expect("there is a first one").clone();
            for (place, block) in changes {
                // The type of a block stays, so that edits change the same block.
                let kind = next.blocks[place].kind;
                next.blocks[place] = Block { kind, ..block };
            }
            next.ranks = ranks.unwrap_or(next.ranks);
            all.push(next);
        }
        all
    })
}

impl Sketch {
    /// The configuration's text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for place in (0..self.blocks.len()).filter(|it| self.blocks[*it].there) {
            self.write(place, &mut text);
        }
        text
    }

    /// The places that a block refers to.
    fn refers(&self, place: usize) -> Vec<usize> {
        let block = &self.blocks[place];
        let mut refers: Vec<usize> = block
            .refers
            .iter()
            .copied()
            .filter(|it| self.blocks[*it].there && self.ranks[*it] < self.ranks[place])
            .collect();
        refers.sort_unstable();
        refers.dedup();
        refers
    }

    fn write(&self, place: usize, text: &mut String) {
        let block = &self.blocks[place];
        let refers = self.refers(place);
        let all: Vec<String> = refers.iter().map(|it| self.identities(*it)).collect();
        let mut list = format!("[{}]", all.join(", "));
        if block.locally {
            writeln!(text, "locals {{ of_b{place} = {list} }}").unwrap();
            list = format!("local.of_b{place}");
        }
        let (many, key) = match block.many {
            Many::One => (String::new(), String::new()),
            Many::Count(count) => {
                (format!("count = {count}\n"), FIRST_LIKE_THE_ONLY_ONE.to_owned())
            }
            Many::Each(bits) => {
                let keys: Vec<String> = (0..3)
                    .filter(|bit| bits >> bit & 1 == 1)
                    .map(|bit| format!("k{bit} = {bit}"))
                    .collect();
                (format!("for_each = {{ {} }}\n", keys.join(", ")), "-${each.key}".to_owned())
            }
        };
        let lifecycle = format!("lifecycle {{ create_before_destroy = {} }}", block.create_first);
        match block.kind {
            Kind::Thing => {
                let firm = match (block.firmly, refers.first()) {
                    (true, Some(other)) => format!("at = \"${{{} == [] ? 1 : 2}}\"", self.identities(*other)),
                    _ => String::new(),
                };
                write!(
                    text,
                    "resource \"thing\" \"b{place}\" {{\n {many} name = \"b{place}-{}{key}\"\n size = {}\n {firm}\n anything = {list}\n {lifecycle}\n}}\n",
                    block.generation, block.size
                )
                .unwrap();
            }
            Kind::Memo => write!(
                text,
                "resource \"memo\" \"b{place}\" {{\n {many} triggers_replace = {}\n input = {{ list = {list}, size = {} }}\n {lifecycle}\n}}\n",
                block.generation, block.size
            )
            .unwrap(),
            Kind::Fact => {
                let waits: Vec<String> = refers.iter().map(|it| self.address(*it)).collect();
                write!(
                    text,
                    "data \"fact\" \"b{place}\" {{\n {many} key = \"known{}\"\n depends_on = [{}]\n}}\n",
                    block.size,
                    waits.join(", ")
                )
                .unwrap();
            }
        }
    }

    fn address(&self, place: usize) -> String {
        match self.blocks[place].kind {
            Kind::Thing => format!("thing.b{place}"),
            Kind::Memo => format!("memo.b{place}"),
            Kind::Fact => format!("data.fact.b{place}"),
        }
    }

    /// The keys of a block's instances, as a list.
    fn identities(&self, place: usize) -> String {
        let address = self.address(place);
        let attribute = match self.blocks[place].kind {
            Kind::Thing if place.is_multiple_of(2) => "revision",
            Kind::Thing => "id",
            Kind::Memo => "output",
            Kind::Fact => "value",
        };
        match self.blocks[place].many {
            Many::One => format!("[{address}.{attribute}]"),
            _ => format!("[for it in {address} : it.{attribute}]"),
        }
    }
}
