//! Runs a target on a kept corpus and on mutations of it, for as long as asked.
//!
//! `FUZZ_SECONDS` (default 1) is how long, `FUZZ_SEED` (default 1) where the mutations start; a
//! failure names the seed and prints the input, to be kept as a new file of the corpus.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

/// Runs `target` on every file of `tests/corpus/<corpus>` and on mutations of them. `pieces` are
/// what the format is made of; they are inserted whole.
pub(crate) fn run(corpus: &str, pieces: &[&str], target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(corpus);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the corpus is readable").path())
        .collect();
    files.sort();
    let inputs: Vec<Vec<u8>> = files
        .iter()
        .map(|file| fs::read(file).expect("the corpus is readable"))
        .collect();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    let seed = number("FUZZ_SEED", 1);
    for input in &inputs {
        attempt(&target, input, seed);
    }
    let end = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 1));
    let mut random = Random(seed);
    while Instant::now() < end {
        let mut input = inputs[random.below(inputs.len())].clone();
        for _ in 0..=random.below(6) {
            mutate(&mut input, &inputs, pieces, &mut random);
        }
        attempt(&target, &input, seed);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{variable}: {error}")),
        Err(_) => default,
    }
}

fn attempt(target: &impl Fn(&[u8]), input: &[u8], seed: u64) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("FUZZ_SEED={seed}, input: {}", input.escape_ascii());
        resume_unwind(panic);
    }
}

fn mutate(input: &mut Vec<u8>, inputs: &[Vec<u8>], pieces: &[&str], random: &mut Random) {
    const LONGEST: usize = 64 * 1024;
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(16) + 1);
    match random.below(6) {
        0 if at < input.len() => input[at] = random.next() as u8,
        1 => drop(input.drain(at..end)),
        2 if !pieces.is_empty() => {
            let piece = pieces[random.below(pieces.len())];
            input.splice(at..at, piece.bytes());
        }
        3 => {
            let again = input[at..end].repeat(1 + random.below(40));
            input.splice(at..at, again);
        }
        4 => {
            let other = &inputs[random.below(inputs.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => input.insert(at, b" \"\\()[]{}:,.0e-\xc3\xff\0"[random.below(18)]),
    }
    input.truncate(LONGEST);
}

/// The generator splitmix64: enough to mutate, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
