//! The parameters behind the `?` of an address.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::answer::Refusal;
use super::filter::Filter;

/// What stays as it is in a parameter (RFC 3986, §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How much of a parameter's name an error shows, in characters.
const MAX_SHOWN: usize = 50;

/// Entries of a page that nobody has asked to be longer.
const USUAL_TOP: usize = 20;
/// Entries of the longest page.
const MOST_TOP: usize = 100;

/// The parameters, decoded. Names are the same in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`. What is not UTF-8 is replaced.
    pub fn parse(text: &str) -> Self {
        let decode =
            |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        let parts = text.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
        Self(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    /// The first parameter of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// An error if a parameter has another name, or is given twice. `api-version` is always accepted.
    pub fn check_names(&self, known: &[&str]) -> Result<(), Refusal> {
        for (at, (name, _)) in self.0.iter().enumerate() {
            let mut all = known.iter().chain([&"api-version"]);
            let is_known = all.any(|known| known.eq_ignore_ascii_case(name));
            if !is_known || self.0[..at].iter().any(|(before, _)| before.eq_ignore_ascii_case(name)) {
                let name: String = name.chars().take(MAX_SHOWN).collect();
                let message = format!("The parameter '{name}' is unknown, or is given twice.");
                return Err(Refusal::bad_request("InvalidRequest", message));
            }
        }
        Ok(())
    }

    /// `a=b&c=d`, with this parameter in the place of those of its name.
    fn with(&self, name: &str, value: &str) -> String {
        let own = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let others = own.filter(|(other, _)| !other.eq_ignore_ascii_case(name));
        let encode = |(name, value): (&str, &str)| {
            // `$` begins the names of `OData`, and clients look for it.
            let name = utf8_percent_encode(name, RESERVED).to_string().replace("%24", "$");
            format!("{name}={}", utf8_percent_encode(value, RESERVED))
        };
        others.chain([(name, value)]).map(encode).collect::<Vec<_>>().join("&")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.uri.query().map(Self::parse).unwrap_or_default())
    }
}

/// Which part of a list is wanted.
#[derive(Debug)]
pub struct Page {
    top: usize,
    filter: Option<Filter>,
    /// The last name of the page before.
    after: Option<String>,
}

impl Page {
    /// By `$top`, `$filter` and `$skiptoken`.
    pub fn of(query: &Query) -> Result<Self, Refusal> {
        let invalid = |reason: String| Refusal::bad_request("InvalidRequest", reason);
        let top = match query.get("$top") {
            None => USUAL_TOP,
            Some(text) => text
                .parse()
                .ok()
                .filter(|top| (1..=MOST_TOP).contains(top))
                .ok_or_else(|| invalid(format!("$top must be a number from 1 to {MOST_TOP}")))?,
        };
        let filter =
            query.get("$filter").filter(|text| !text.trim().is_empty()).map(Filter::parse).transpose();
        let filter = filter.map_err(|error| invalid(error.to_string()))?;
        Ok(Self { top, filter, after: query.get("$skiptoken").map(str::to_owned) })
    }

    /// The names of the page, out of all in their order; and the query of the next page, if there is one.
    pub fn cut<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        query: &Query,
    ) -> (Vec<String>, Option<String>) {
        let wanted = |name: &&str| {
            self.after.as_deref().is_none_or(|after| *name > after)
                && self.filter.as_ref().is_none_or(|filter| filter.wants(name))
        };
        let mut page: Vec<String> = names.filter(wanted).take(self.top + 1).map(str::to_owned).collect();
        if page.len() <= self.top {
            return (page, None);
        }
        page.truncate(self.top);
        let next = page.last().map(|last| query.with("$skiptoken", last));
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let names: Vec<String> = (0..45).map(|number| format!("name-{number:02}")).collect();
        let mut query = Query::parse("api-version=2025-02-15&%24top=20&$filter=contains(name,'-')");
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let (page, next) = Page::of(&query).unwrap().cut(names.iter().map(String::as_str), &query);
            seen.extend(page);
            pages += 1;
            let Some(next) = next else { break };
            query = Query::parse(&next);
        }
        assert_eq!((seen, pages), (names, 3));
    }

    #[test]
    fn pages_are_bounded() {
        for (text, fits) in [
            ("", true),
            ("$top=1", true),
            ("$top=100", true),
            ("$top=0", false),
            ("$top=101", false),
            ("$top=x", false),
        ] {
            assert_eq!(Page::of(&Query::parse(text)).is_ok(), fits, "{text}");
        }
        assert!(Page::of(&Query::parse("$filter=name")).is_err());
        let whole = Page::of(&Query::parse("$top=2")).unwrap().cut(["a", "b"].into_iter(), &Query::default());
        assert_eq!(whole.1, None);
    }

    proptest! {
        #[test]
        fn a_query_is_read_as_it_is_written(text in "\\PC{0,60}", value in "\\PC{0,20}") {
            let query = Query::parse(&text);
            let again = Query::parse(&query.with("$skiptoken", &value));
            prop_assert_eq!(again.get("$SkipToken"), Some(value.as_str()));
            for (name, value) in query.0.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken")) {
                prop_assert!(again.0.contains(&(name.clone(), value.clone())), "{} {}", name, value);
            }
        }
    }
}
