//! Each target over its corpus.
//!
//! A file whose name begins with `accepted` must be accepted, one that begins with `refused` must not; any other, such as one
//! that a fuzzer has found, must just not break the target. All of them are also tried cut short, and with bits changed.

use std::fs;
use std::path::{Path, PathBuf};

use azmqtt_fuzz::TARGETS;

/// Variations of longer files are not made at each byte.
const PLACES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(name: &str) -> Vec<PathBuf> {
    let folder = root().join("corpora").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn what_should_be_accepted_is_and_nothing_panics() {
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        let mut outcomes = [0, 0];
        for file in files(name) {
            let accepted = target(&fs::read(&file).unwrap());
            let stem = file.file_name().unwrap().to_str().unwrap();
            for (at, (prefix, expected)) in [("accepted", true), ("refused", false)].into_iter().enumerate() {
                if stem.starts_with(prefix) {
                    outcomes[at] += 1;
                    if accepted != expected {
                        wrong.push(file.clone());
                    }
                }
            }
        }
        assert!(!outcomes.contains(&0), "{name} has no accepted or no refused file: {outcomes:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn variations_do_not_break_a_target() {
    for (name, target) in TARGETS {
        for file in files(name) {
            let data = fs::read(&file).unwrap();
            let step = data.len() / PLACES + 1;
            for at in (0..data.len()).step_by(step) {
                target(&data[..at]);
                target(&data[at..]);
                for bits in [0x01, 0x20, 0x80, 0xff] {
                    let mut changed = data.clone();
                    changed[at] ^= bits;
                    target(&changed);
                }
            }
        }
    }
}

#[test]
fn each_target_has_a_program_and_a_corpus() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let in_manifest: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[[bin]]")
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    let names = TARGETS.map(|(name, _)| name);
    assert!(names.is_sorted());
    assert_eq!(in_manifest, names);
    for name in names {
        let program =
            fs::read_to_string(root().join("fuzz_targets").join(name).with_extension("rs")).unwrap();
        assert!(program.contains("fuzz_target!"), "{name}");
    }
    let folders = fs::read_dir(root().join("corpora")).unwrap();
    let mut folders: Vec<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    assert_eq!(folders, names);
}
