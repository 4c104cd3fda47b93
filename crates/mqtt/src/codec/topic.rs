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

/// Whether `filter`, a valid one, is a shared subscription as MQTT 5 §4.8.2 has it, or none: `$share`, a name without
/// wildcards, and a filter that is not empty [MQTT-4.8.2-1, MQTT-4.8.2-2].
pub fn is_valid_share(filter: &str) -> bool {
    let Some(rest) = filter.strip_prefix("$share/") else { return true };
    rest.split_once('/')
        .is_some_and(|(name, filter)| !name.is_empty() && !name.contains(['+', '#']) && !filter.is_empty())
}
