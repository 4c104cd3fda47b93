//! Everything that reads the network or the state directory, against valid input with mistakes in it.
//!
//! A run is short. `AZMQTT_FUZZ_SECONDS=60 cargo test -p azmqtt-hub fuzz` gives each target a minute, and
//! `AZMQTT_FUZZ_SEED` repeats a run. What must hold: nothing panics, nothing takes long, and what is accepted is the same
//! when it is written and read again.

mod mutate;
mod parsers;
mod state;
mod streams;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub use mutate::Mutator;

/// Inputs that a target gets in an ordinary run.
const INPUTS: u64 = 1500;

/// No input is so long that more is needed, even in a build without optimisation on a busy machine.
const LONG: Duration = Duration::from_secs(5);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// How long a target is tried.
struct Budget {
    inputs: u64,
    until: Option<Instant>,
}

impl Budget {
    fn new(inputs: u64) -> Self {
        let seconds = number("AZMQTT_FUZZ_SECONDS");
        Self { inputs, until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)) }
    }

    /// Whether there is another input after `done` of them.
    fn goes_on(&self, done: u64) -> bool {
        self.until.map_or(done < self.inputs, |until| Instant::now() < until)
    }
}

/// Gives a target the inputs of a corpus, then mutated ones.
fn fuzz(name: &str, corpus: &[&[u8]], target: impl Fn(&[u8])) {
    let mut mutator = Mutator::new(name, corpus);
    let budget = Budget::new(INPUTS);
    let mut done = 0;
    while budget.goes_on(done) {
        let input = mutator.next_input();
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        let quick = begun.elapsed() < LONG;
        assert!(outcome.is_ok() && quick, "{name}, {}: {}", mutator.seed(), input.escape_ascii());
        done += 1;
    }
    if budget.until.is_some() {
        use std::io::Write;
        writeln!(std::io::stdout(), "{name}: {done} inputs").unwrap();
    }
}
