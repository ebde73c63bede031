//! The help of each command, compared with `help/*.txt`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use clap::{Command, CommandFactory};
use snapbox::Data;

use super::command_line::CommandLine;
use crate::views::test_data::check;

/// The name of the program's own help; a command's is its words joined by dashes.
const PROGRAM: &str = "ha";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/cli/help")
}

/// The help of a command and of all below it.
fn helps(command: &mut Command, name: &str, found: &mut Vec<(String, String)>) {
    let text = command.clone().term_width(100).render_long_help().to_string();
    found.push((name.to_owned(), text));
    for below in
        command.get_subcommands_mut().filter(|it| it.get_name() != "help" && !it.is_hide_set())
    {
        let words = [name, below.get_name()].into_iter().filter(|it| *it != PROGRAM);
        let name = words.collect::<Vec<_>>().join("-");
        helps(below, &name, found);
    }
}

#[test]
fn the_command_line_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn the_help_of_each_command_is_as_written_down() {
    let mut command = CommandLine::command();
    command.build();
    let mut found = Vec::new();
    helps(&mut command, PROGRAM, &mut found);
    for (name, text) in &found {
        check(text, Data::read_from(&folder().join(name).with_extension("txt"), None));
    }
    let written: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = found.iter().map(|(name, _)| format!("{name}.txt")).collect();
    assert_eq!(written, known);
}

#[test]
fn every_command_is_in_the_help() {
    let mut program = CommandLine::command();
    let help = program.render_long_help().to_string();
    for command in program.get_subcommands().filter(|it| !it.is_hide_set()) {
        assert!(help.contains(&format!("\n  {} ", command.get_name())), "{}", command.get_name());
    }
}
