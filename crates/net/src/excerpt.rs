//! Foreign text in errors.

/// At most `limit` characters of foreign text, control characters replaced: fit for an error message.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut out: String =
        text.chars().take(limit).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt("a\nbc", 3), "a\u{fffd}b…");
        assert_eq!(excerpt("abc", 3), "abc");
    }
}
