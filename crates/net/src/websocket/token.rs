//! Lists of tokens in HTTP header fields.

/// Whether one of the comma-separated lists holds `token`, without regard to case (RFC 9110 §5.6.1, §7.6.1).
pub fn has_token<'a>(lists: impl IntoIterator<Item = &'a [u8]>, token: &str) -> bool {
    lists.into_iter().any(|list| {
        list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::has_token;

    #[test]
    fn finds_a_token_among_others() {
        let lists = [&b"keep-alive ,  Upgrade"[..], b"close"];
        assert!(has_token(lists, "upgrade"));
        assert!(has_token(lists, "close"));
        assert!(!has_token(lists, "keep"));
        assert!(!has_token([&b""[..]], "upgrade"));
    }
}
