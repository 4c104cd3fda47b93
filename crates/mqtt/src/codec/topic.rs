//! Topic names and topic filters (§4.7).

/// Whether `filter` follows §4.7.1: `#` alone in the last level, `+` alone in its level, not empty.
pub fn is_valid_filter(filter: &str) -> bool {
    if filter.is_empty() {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let wildcard = level.contains(['+', '#']);
        if wildcard && (level.len() != 1 || (level == "#" && levels.peek().is_some())) {
            return false;
        }
    }
    true
}
