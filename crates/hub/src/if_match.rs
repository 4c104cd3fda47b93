//! Conditions on an etag, as `If-Match` has them (RFC 9110 §13.1.1) and as bulk entries spell them.

/// What must hold of the etag for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever it is.
    Any,
    /// It must be this one; without quotes.
    Etag(String),
}

/// A text that is not a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEtag;

impl IfMatch {
    /// Reads `*`, `"etag"` or `W/"etag"`. Clients also send `"*"` and etags without quotes, which mean the same, and an empty
    /// etag for no condition.
    ///
    /// # Errors
    /// [`NotAnEtag`] for anything else, lists included.
    pub fn parse(text: &str) -> Result<Option<Self>, NotAnEtag> {
        let text = text.trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        let etag = match text.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').ok_or(NotAnEtag)?,
            None => text,
        };
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | ',');
        match etag {
            "" => Ok(None),
            "*" => Ok(Some(Self::Any)),
            _ if etag.chars().all(plain) => Ok(Some(Self::Etag(etag.to_owned()))),
            _ => Err(NotAnEtag),
        }
    }

    /// Whether something with this etag may be changed.
    pub fn admits(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Etag(wanted) => wanted == etag,
        }
    }

    /// As the twin takes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Etag(etag) => etag,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings() {
        for any in ["*", "\"*\"", " * "] {
            assert_eq!(IfMatch::parse(any), Ok(Some(IfMatch::Any)), "{any}");
        }
        for one in ["\"AAA=\"", "AAA=", "W/\"AAA=\""] {
            assert_eq!(IfMatch::parse(one), Ok(Some(IfMatch::Etag("AAA=".to_owned()))), "{one}");
        }
        for none in ["", "\"\"", " ", "W/\"\""] {
            assert_eq!(IfMatch::parse(none), Ok(None), "{none}");
        }
        for bad in ["\"", "\"a", "a\"", "\"a\",\"b\"", "a b", "é"] {
            assert_eq!(IfMatch::parse(bad), Err(NotAnEtag), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parse_is_total(text in any::<String>()) {
            let _ = IfMatch::parse(&text);
        }
    }
}
