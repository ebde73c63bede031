//! Mutates seeds and runs targets on them; see `README.md`.

mod chance;
mod mutate;
mod target;
mod targets;
mod watch;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use chance::RandomSequence;
use target::FuzzTarget;
use watch::InputWatch;

const USAGE: &str = "usage: ha-fuzz TARGET|all SECONDS [SEED]\n       ha-fuzz TARGET --input FILE";

/// The stack size of the engine's threads.
const STACK: usize = 2 * 1024 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let work = move || match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name, "--input", file] => repeat(name, file),
        [name, seconds] => fuzz(name, seconds, None),
        [name, seconds, seed] => fuzz(name, seconds, Some(seed)),
        _ => Err(USAGE.to_owned()),
    };
    let worker =
        std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread can be started");
    match worker.join() {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(problem)) => {
            say(&problem);
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

#[expect(clippy::print_stderr, reason = "this is for a developer at a terminal")]
fn say(what: &str) {
    eprintln!("{what}");
}

fn chosen(name: &str) -> Result<Vec<&'static FuzzTarget>, String> {
    let targets: Vec<&FuzzTarget> =
        targets::ALL.iter().filter(|it| name == "all" || it.name == name).collect();
    if targets.is_empty() {
        let names: Vec<&str> = targets::ALL.iter().map(|it| it.name).collect();
        return Err(format!(
            "there is no target `{name}`: there are {}, and `all`",
            names.join(", ")
        ));
    }
    Ok(targets)
}

/// Runs a target on one input.
fn repeat(name: &str, file: &str) -> Result<(), String> {
    let input = std::fs::read(file).map_err(|it| format!("could not read `{file}`: {it}"))?;
    for target in chosen(name)? {
        (target.run)(&input);
    }
    Ok(())
}

fn fuzz(name: &str, seconds: &str, seed: Option<&str>) -> Result<(), String> {
    let seconds =
        seconds.parse().map_err(|_| format!("`{seconds}` is no number of seconds\n{USAGE}"))?;
    let of_time = || SystemTime::UNIX_EPOCH.elapsed().map_or(1, |it| it.as_secs());
    let seed = match seed {
        Some(seed) => seed.parse().map_err(|_| format!("`{seed}` is no seed\n{USAGE}"))?,
        None => of_time(),
    };
    for target in chosen(name)? {
        one(target, Duration::from_secs(seconds), seed)?;
    }
    Ok(())
}

/// The most inputs that are retained for mutation, beyond the seeds; a new one replaces another
/// then.
const POOL: usize = 10_000;

/// Runs one target until it fails or the time is over.
fn one(target: &FuzzTarget, time: Duration, seed: u64) -> Result<(), String> {
    let mut chance = RandomSequence::new(seed);
    let watch = InputWatch::over(target.name, seed)
        .map_err(|it| format!("could not write inputs down: {it}"))?;
    let mut pool = target.all_seeds();
    let (start, given) = (Instant::now(), pool.len());
    let mut seen = HashSet::new();
    let mut runs = 0_u64;
    let mut next = |input: &[u8], seen: &mut HashSet<u64>| {
        watch.begins(input);
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        watch.ends();
        runs += 1;
        match outcome {
            Ok(likeness) => Ok(seen.insert(likeness)),
            Err(_) => {
                Err(format!("`{}` fell, with the seed {seed}: {}", target.name, watch.file()))
            }
        }
    };
    for input in &pool {
        next(input, &mut seen)?;
    }
    while start.elapsed() < time {
        let (from, with) = (chance.below(pool.len()), chance.below(pool.len()));
        let input = mutate::mutated(&pool[from], &pool[with], target.words, &mut chance);
        if next(&input, &mut seen)? {
            match pool.len() {
                POOL.. => {
                    let place = given + chance.below(pool.len() - given);
                    pool[place] = input;
                }
                _ => pool.push(input),
            }
        }
    }
    say(&format!(
        "{}: {runs} inputs in {:?} with the seed {seed}; {given} seeds, {} kept",
        target.name,
        start.elapsed(),
        pool.len() - given
    ));
    Ok(())
}
