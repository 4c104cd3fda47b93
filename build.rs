//! Has the linker put the functions that every client runs side by side, where it can do that.
//!
//! The kernel maps 64 KiB of the extension module around each page that is used, so functions that lie scattered cost
//! memory (docs/decisions.md). `benches/order.py` writes the list of them.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names of functions as the linker has them, a pattern on each line. The first line says what it is.
const LIST: &str = "packaging/order.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LIST}");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    if let Some(script) = script().filter(|script| links_with(script) == Some(true)) {
        println!("cargo::rustc-cdylib-link-arg=-T{}", script.display());
    }
}

/// Writes the script for the linker: `INSERT` adds to what the linker does anyhow.
fn script() -> Option<PathBuf> {
    let list = fs::read_to_string(LIST).ok()?;
    let mut text = String::from("SECTIONS\n{\n  .text.client :\n  {\n");
    for name in list.lines().skip(1) {
        // The compiler sets functions apart that it takes to be called rarely, such as what makes a value at first use.
        writeln!(text, "    *(.text.{name} .text.unlikely.{name})").ok()?;
    }
    text.push_str("  }\n}\nINSERT BEFORE .text;\n");
    let path = PathBuf::from(env::var_os("OUT_DIR")?).join("order.ld");
    fs::write(&path, text).ok()?;
    Some(path)
}

/// Whether the linker of this build takes the script, by linking an empty library with it. What goes wrong means no.
///
/// LLD and GNU ld take it; mold and gold know no `SECTIONS`.
fn links_with(script: &Path) -> Option<bool> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let source = out.join("empty.rs");
    fs::write(&source, "").ok()?;
    let after = |option: &str, value: &OsString| {
        let mut joined = OsString::from(option);
        joined.push(value);
        joined
    };
    let mut rustc = Command::new(env::var_os("RUSTC")?);
    rustc.args(["--crate-type", "cdylib", "--target"]).arg(env::var_os("TARGET")?);
    rustc.arg("--out-dir").arg(&out).arg(&source);
    rustc.arg("-C").arg(after("link-arg=-T", &script.into()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg("-C").arg(after("linker=", &linker));
    }
    // They may choose another linker.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    let status = rustc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    Some(status.success())
}
