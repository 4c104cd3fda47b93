//! `--name value` arguments, no more.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The arguments of one program.
pub struct Args(BTreeMap<String, String>);

impl Args {
    /// Reads `--name value` pairs; `known` lists the names that are allowed.
    pub fn parse(args: impl Iterator<Item = String>, known: &[&str]) -> Result<Self> {
        let mut map = BTreeMap::new();
        let mut args = args;
        while let Some(arg) = args.next() {
            let name = arg
                .strip_prefix("--")
                .filter(|n| known.contains(n))
                .ok_or_else(|| Error::Usage(format!("unknown argument {arg:?}; known: {known:?}")))?;
            let value = args.next().ok_or_else(|| Error::Usage(format!("{arg} needs a value")))?;
            map.insert(name.to_owned(), value);
        }
        Ok(Self(map))
    }

    /// The value of `name`, or `default`.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        match self.0.get(name) {
            None => Ok(default),
            Some(v) => v.parse().map_err(|_| Error::Usage(format!("--{name}: cannot read {v:?}"))),
        }
    }

    /// The value of `name`, which must be there.
    pub fn need<T: FromStr>(&self, name: &str) -> Result<T> {
        let v = self.0.get(name).ok_or_else(|| Error::Usage(format!("--{name} is missing")))?;
        v.parse().map_err(|_| Error::Usage(format!("--{name}: cannot read {v:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Result<Args> {
        Args::parse(words.iter().map(ToString::to_string), &["port", "task"])
    }

    #[test]
    fn reads_pairs_and_defaults() {
        let a = args(&["--port", "8883"]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(a.get("port", 0_u16).ok(), Some(8883));
        assert_eq!(a.get("task", "none".to_owned()).ok().as_deref(), Some("none"));
        assert!(a.need::<String>("task").is_err());
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(args(&["--colour", "red"]).is_err());
        assert!(args(&["port", "1"]).is_err());
        assert!(args(&["--port"]).is_err());
        assert!(args(&["--port", "x"]).and_then(|a| a.need::<u16>("port")).is_err());
    }
}
