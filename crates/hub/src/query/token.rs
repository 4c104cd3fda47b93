//! Where the next page of a query begins, as text that clients hand back unread.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// No token of ours is longer.
const MAX_TOKEN: usize = 1024;

/// Behind which row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How many rows there have been.
    pub rows: usize,
    /// The ids of the last one, if rows have ids.
    pub key: Option<[String; 2]>,
}

impl Position {
    /// Reads a token of this query; `None` for anything else.
    pub fn read(token: &str, query: &str) -> Option<Self> {
        let token = Some(token).filter(|token| token.len() <= MAX_TOKEN)?;
        let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let [of, rows, key @ ..] = value.as_array()?.as_slice() else { return None };
        if of.as_str() != Some(&mark(query)) {
            return None;
        }
        let rows = usize::try_from(rows.as_u64()?).ok()?;
        let key = match key {
            [] => None,
            [first, second] => Some([first.as_str()?.to_owned(), second.as_str()?.to_owned()]),
            _ => return None,
        };
        Some(Self { rows, key })
    }

    pub fn write(&self, query: &str) -> String {
        let value = match &self.key {
            None => json!([mark(query), self.rows]),
            Some([first, second]) => json!([mark(query), self.rows, first, second]),
        };
        URL_SAFE_NO_PAD.encode(value.to_string())
    }
}

/// Tells queries apart: a token is good for its own.
fn mark(query: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(query.trim())[..9])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn positions_are_read_back(
            rows in any::<usize>(),
            key in proptest::option::of(["[ -~]{0,128}", "[ -~]{0,128}"]),
            query in ".{0,30}",
        ) {
            let position = Position { rows, key };
            let token = position.write(&query);
            prop_assert_eq!(Position::read(&token, &query), Some(position));
            prop_assert_eq!(Position::read(&token, "another query that nobody asked"), None);
        }

        #[test]
        fn no_text_is_too_strange(token in any::<String>(), json in "[\\[\\]\"0-9a-z,{}:-]{0,60}") {
            prop_assert_eq!(Position::read(&token, "q"), None);
            prop_assert_eq!(Position::read(&URL_SAFE_NO_PAD.encode(json), "q"), None);
        }
    }
}
