//! Lists page by page (DPS docs, REST: `x-ms-max-item-count`, `x-ms-continuation`).

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::error::HubError;

/// Entries of a page, when nobody says otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// After so many bytes a page ends, however few entries that is.
const MAX_BYTES: usize = 4 << 20;

/// Which part of a list is wanted.
pub(crate) struct Wanted {
    most: usize,
    /// The last key of the page before.
    after: Option<String>,
}

/// A part of a list.
pub(crate) struct Page<T = Value> {
    pub items: Vec<T>,
    /// What leads to the next page, if there is one.
    pub continuation: Option<String>,
}

impl Wanted {
    /// From the headers of a request.
    pub fn read(most: Option<&str>, continuation: Option<&str>) -> Result<Self, HubError> {
        let most = match most {
            None => USUAL,
            Some(text) => {
                let most = text.trim().parse().ok().filter(|most| *most > 0);
                most.ok_or_else(|| {
                    HubError::Argument("x-ms-max-item-count must be a number from 1 up".to_owned())
                })?
            }
        };
        let decode = |text: &str| STANDARD.decode(text).ok().and_then(|key| String::from_utf8(key).ok());
        let after = continuation.map(|text| decode(text.trim()).ok_or(HubError::Continuation)).transpose()?;
        Ok(Self { most: most.min(MOST), after })
    }
}

impl<T> Page<T> {
    pub(super) fn map<U>(self, show: impl Fn(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(show).collect(), continuation: self.continuation }
    }
}

/// One page of a table; `size` is that of an entry in bytes, `None` for one that does not belong to the list.
pub(super) fn cut<T: Clone>(
    table: &BTreeMap<String, T>,
    wanted: &Wanted,
    size: impl Fn(&T) -> Option<usize>,
) -> Page<T> {
    let start = wanted.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let listed = table.range::<String, _>((start, Bound::Unbounded));
    let (mut items, mut bytes, mut last) = (Vec::new(), 0_usize, None);
    for (key, entry, size) in listed.filter_map(|(key, entry)| Some((key, entry, size(entry)?))) {
        if items.len() >= wanted.most || bytes > MAX_BYTES {
            let continuation = last.map(|last: &String| STANDARD.encode(last));
            return Page { items, continuation };
        }
        items.push(entry.clone());
        bytes = bytes.saturating_add(size);
        last = Some(key);
    }
    Page { items, continuation: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_make_up_the_list(
            table in prop::collection::btree_map(".{0,8}", prop_oneof![Just(None), (0..3 * MAX_BYTES / 2).prop_map(Some)], 0..30),
            most in 1_usize..10,
        ) {
            let mut wanted = Wanted { most, after: None };
            let mut found = Vec::new();
            loop {
                let page = cut(&table, &wanted, |size| *size);
                prop_assert!(page.items.len() <= most);
                found.extend(page.items);
                let Some(continuation) = page.continuation else { break };
                wanted = Wanted::read(Some(&most.to_string()), Some(&continuation)).unwrap();
            }
            let all: Vec<_> = table.into_values().flatten().map(Some).collect();
            prop_assert_eq!(found, all);
        }

        #[test]
        fn reading_is_total(most in ".{0,8}", continuation in ".{0,20}") {
            let _ = Wanted::read(Some(&most), Some(&continuation));
        }
    }
}
